"""One recorder for each vantage, and the history they write; see docs/design.md."""
