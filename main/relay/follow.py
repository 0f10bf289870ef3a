"""Keeping a subscription of Main's own at every node that is online."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from main.registry.link import NodeLink
from ws.protocol.base import NodeId
from ws.protocol.errors import ErrorCode, WireError
from ws.rpc import Lagging
from ws.rpc.limits import MIB
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

DEADLINE_S = 10.0
RETRY_S = 5.0
"""After a refusal of a node that is online; it is no link trouble, so it is not urgent."""

PAUSE_S = 1.0
"""From one beginning to the next at least: a node may end or lose what it offers as often as it likes."""

MAX_EVENT_BYTES = 8 * MIB
"""Of events since the beginning; then Main begins anew, and what the node does not name any more is forgotten. So a
node cannot fill Main's memory with ever new things: this and one frame are all that it can leave there."""


class Follower:
    """Subscribes to `method` at each node: `on_begin` gets the result of each beginning, `on_event` each event."""

    def __init__(
        self,
        method: str,
        on_begin: Callable[[NodeId, bytes], Awaitable[None]],
        on_event: Callable[[NodeId, bytes], Awaitable[None]],
    ) -> None:
        self._method = method
        self._on_begin = on_begin
        self._on_event = on_event
        self._owner = TaskOwner(f"follow {method}")
        self._tasks: dict[NodeId, asyncio.Task[None]] = {}

    def start(self, link: NodeLink) -> None:
        """The node is online."""
        self.stop(link.node)
        self._tasks[link.node] = self._owner.start(self._follow(link), name=link.node)

    def stop(self, node: NodeId) -> None:
        """The node is offline."""
        task = self._tasks.pop(node, None)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        await self._owner.close(timeout_s=1.0)

    async def _follow(self, link: NodeLink) -> None:
        loop = asyncio.get_running_loop()
        while link.is_open:
            begun_at = loop.time()
            try:
                await self._follow_once(link)
            except Lagging:
                log.info("follower_lagged", node=link.node, method=self._method)
            except (WireError, msgspec.DecodeError) as error:
                if isinstance(error, WireError) and error.code is ErrorCode.NODE_OFFLINE:
                    return
                log.info("follower_refused", node=link.node, method=self._method, reason=str(error))
                await asyncio.sleep(RETRY_S)
            await asyncio.sleep(begun_at + PAUSE_S - loop.time())

    async def _follow_once(self, link: NodeLink) -> None:
        subscription = await link.subscribe(self._method, b"{}", deadline_s=DEADLINE_S)
        taken_bytes = 0
        try:
            await self._on_begin(link.node, subscription.result)
            async for event in subscription:
                await self._on_event(link.node, event)
                taken_bytes += len(event)
                if taken_bytes > MAX_EVENT_BYTES:
                    raise Lagging("time to begin anew")
        finally:
            await subscription.close()
