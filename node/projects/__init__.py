"""The folders that somebody works in."""
