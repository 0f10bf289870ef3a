"""A terminal through Main and Node beside a PTY read directly, sshd and ttyd: ``make bench-terminal``.

`ends` (what types and reads), `systems` (what is compared), `measures` (one figure each), `report` (Markdown).
"""
