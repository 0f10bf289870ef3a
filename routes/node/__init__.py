"""The routes of the Node."""
