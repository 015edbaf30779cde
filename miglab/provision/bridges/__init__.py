"""The same bridge by each of the network managers that a host may be ruled by."""
