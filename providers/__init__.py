"""Agents behind one seam. Knows the protocol and nothing of sessions, sockets or Main."""
