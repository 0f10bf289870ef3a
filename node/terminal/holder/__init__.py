"""The holder: a small process that keeps a node's terminals alive while the node is away.

It makes the PTYs, is the parent of their programs, and hands the node duplicates of every descriptor; then it only
waits. While no node is attached it reads the PTYs itself. It imports as little as it can: its memory is the price that
every machine pays for terminals that survive.
"""
