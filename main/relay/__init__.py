"""Calls on their way to a node, events on their way back."""
