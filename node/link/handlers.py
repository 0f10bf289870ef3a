"""The operations of the link that are the node's own."""

from collections.abc import Callable

from node.context import HandlerMap
from ws.protocol.base import now
from ws.protocol.envelope import Caller
from ws.protocol.link import ProbeParams, ProbeResult


def handlers(database_bytes: Callable[[], int]) -> HandlerMap:
    """What the dispatcher calls. `database_bytes` answers at once: a probe measures the link, and no disk."""

    async def probe(_: Caller, __: ProbeParams) -> ProbeResult:
        return ProbeResult(time=now(), database_bytes=database_bytes())

    return {"link.probe": probe}
