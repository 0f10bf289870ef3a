"""Codex: one `codex app-server` for all sessions of a node, or `codex exec` where the CLI has none.

Facts about the CLI were seen with 0.169.0 and 0.153.4, whose app-servers speak alike (docs/decisions).
"""
