"""Sessions of a node: the fold, turns, approvals, watching, restarts."""
