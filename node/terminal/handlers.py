"""The operations of terminals by name, those of the link included."""

from node.context import HandlerMap
from node.terminal.service import TerminalService
from node.terminal.stream import StreamServer


def handlers(service: TerminalService, streams: StreamServer) -> HandlerMap:
    """What the dispatcher calls."""
    return {
        "terminal.open": lambda caller, params: service.open(params),
        "terminal.list": lambda caller, params: service.list(params),
        "terminal.watch": lambda caller, params: service.watch(params),
        "terminal.restart": lambda caller, params: service.restart(params),
        "terminal.rename": lambda caller, params: service.rename(params),
        "terminal.close": lambda caller, params: service.end(params),
        "link.stream": lambda caller, params: streams.open(params),
        "link.stream_revoke": lambda caller, params: streams.revoke(params),
    }
