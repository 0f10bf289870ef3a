"""Git of a node."""
