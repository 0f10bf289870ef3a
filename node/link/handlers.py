"""The operations of the link that are the node's own."""

from collections.abc import Awaitable, Callable

from node.context import HandlerMap
from ws.protocol.base import now
from ws.protocol.envelope import Caller
from ws.protocol.link import ProbeParams, ProbeResult


def handlers(database_bytes: Callable[[], Awaitable[int]]) -> HandlerMap:
    """What the dispatcher calls."""

    async def probe(_: Caller, __: ProbeParams) -> ProbeResult:
        size_bytes = await database_bytes()
        return ProbeResult(time=now(), database_bytes=size_bytes)

    return {"link.probe": probe}
