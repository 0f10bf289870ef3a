"""The operations of the link that are the node's own."""

from node.context import HandlerMap
from ws.protocol.base import now
from ws.protocol.envelope import Caller
from ws.protocol.link import ProbeParams, ProbeResult


def handlers() -> HandlerMap:
    """What the dispatcher calls."""
    return {"link.probe": _probe}


async def _probe(_: Caller, __: ProbeParams) -> ProbeResult:
    return ProbeResult(time=now())
