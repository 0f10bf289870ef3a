"""The node's end of the link with Main."""
