"""Facts that pyinfra does not have; each finds out by trying where trying is possible."""
