"""The same openings in each of the firewalls that a host may have."""
