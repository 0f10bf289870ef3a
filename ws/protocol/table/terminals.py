"""Rows of terminal.*."""

from ws.protocol import nodes, terminals
from ws.protocol.op import Scope, act, read

TERMINALS = (
    act(
        "terminal.open",
        terminals.TerminalOpenParams,
        terminals.TerminalOpenResult,
        "Start a shell or a program in a folder.",
        scope=Scope.TERMINAL,
        audit="terminal.opened",
    ),
    read(
        "terminal.list",
        terminals.TerminalListParams,
        terminals.TerminalListResult,
        "The terminals of a node.",
    ),
    read(
        "terminal.watch",
        terminals.TerminalWatchParams,
        terminals.TerminalListResult,
        "The terminals of a node, and what becomes of them.",
        events=terminals.TerminalWatchEvent,
    ),
    act(
        "terminal.close",
        terminals.TerminalParams,
        nodes.Empty,
        "End a terminal's program and forget it.",
        scope=Scope.TERMINAL,
        audit="terminal.closed",
    ),
    act(
        "terminal.rename",
        terminals.TerminalRenameParams,
        terminals.TerminalResult,
        "Give a terminal another name.",
        scope=Scope.TERMINAL,
        idempotent=True,
    ),
    act(
        "terminal.restart",
        terminals.TerminalParams,
        terminals.TerminalResult,
        "Run an ended terminal's program again, in the same terminal.",
        scope=Scope.TERMINAL,
        audit="terminal.restarted",
    ),
)
