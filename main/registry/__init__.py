"""The nodes that Main knows, their identity and their presence."""
