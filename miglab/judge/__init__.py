"""Pure: from a history to outages, integrity and a verdict."""
