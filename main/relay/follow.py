"""Keeping a subscription of Main's own at every node that is online."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from main.registry.link import NodeLink
from ws.protocol.base import NodeId
from ws.protocol.errors import ErrorCode, WireError
from ws.rpc import Lagging
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

DEADLINE_S = 10.0
RETRY_S = 5.0
"""After a refusal of a node that is online; it is no link trouble, so it is not urgent."""


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
        while link.is_open:
            try:
                await self._follow_once(link)
            except Lagging:
                log.info("follower_lagged", node=link.node, method=self._method)
            except (WireError, msgspec.DecodeError) as error:
                if isinstance(error, WireError) and error.code is ErrorCode.NODE_OFFLINE:
                    return
                log.info("follower_refused", node=link.node, method=self._method, reason=str(error))
                await asyncio.sleep(RETRY_S)

    async def _follow_once(self, link: NodeLink) -> None:
        subscription = await link.subscribe(self._method, b"{}", deadline_s=DEADLINE_S)
        try:
            await self._on_begin(link.node, subscription.result)
            async for event in subscription:
                await self._on_event(link.node, event)
        finally:
            await subscription.close()
