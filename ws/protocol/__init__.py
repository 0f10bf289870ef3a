"""The protocol as data. One module a feature; `ops` is the table from which everything else is derived.

Version history of the link and of `/ws` (one number for both):

3 (2026-11): fork and rewind, background tasks and the agent's live state, native sessions, steering, what a person
keeps (marks, drafts, settings) on Main.
2 (2026-11): Main may dial (callback and dialled nodes); transfers; files, Git and accounts in full. Version 1 is
still spoken: what it lacks answers `unsupported`.
1 (2026-11): first version.
"""

PROTOCOL_VERSION = 3
"""Spoken by this build."""

MIN_PROTOCOL_VERSION = 1
"""Oldest version that this build can be negotiated down to."""

__version__ = "0.1.0"
"""Build shown by /health and in the handshake; the same string as in pyproject.toml (a test holds them equal)."""
