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
)
