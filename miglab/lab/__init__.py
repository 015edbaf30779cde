"""Where nodes come from, and the one way into them."""
