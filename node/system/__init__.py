"""What the node knows of its machine."""
