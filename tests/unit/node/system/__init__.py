"""Facts of a node."""
