"""Projects of a node."""
