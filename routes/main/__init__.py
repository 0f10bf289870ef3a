"""The routes of Main."""
