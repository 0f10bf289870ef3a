"""Terminals: programs that outlive the page, the link and the node, and the readers that look at them."""
