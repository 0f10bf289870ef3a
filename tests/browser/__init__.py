"""A real Chromium on a real Main."""
