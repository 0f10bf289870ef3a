"""Journals and the state that each folds to, for the node and the page alike."""
