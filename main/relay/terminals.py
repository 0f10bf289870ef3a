"""Terminal streams: the node is asked to dial back, and Main joins its connection with the page's.

The node itself is the WebSocket endpoint that the page talks to; Main sees bytes.
"""

import asyncio
from dataclasses import dataclass

import msgspec
import structlog

from main.auth.access import LiveAccess, Principal
from main.registry.link import NodeLink
from main.relay.places import Places
from main.relay.streams import StreamDoor
from ws.protocol.base import NodeId, StreamId
from ws.protocol.errors import WireError
from ws.protocol.link import StreamParams, StreamRevokeParams
from ws.protocol.ops import Scope
from ws.streams import RawSocket, Splice
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

REVOKE_DEADLINE_S = 0.7
"""How long the node has to close a revoked stream with 4401; then Main cuts it, within a second in all."""


@dataclass(frozen=True)
class OpenStream:
    """The node's end is here; the page's is not joined yet."""

    id: StreamId
    link: NodeLink
    principal: Principal
    terminal: str
    raw: RawSocket


class TerminalStreams:
    """Opens streams and keeps those that are joined, so that they end with their node or their access.

    Whoever opens one holds a place of `places` from before until it has ended.
    """

    def __init__(self, live: LiveAccess, door: StreamDoor) -> None:
        self.places = Places()
        self._door = door
        self._live = live
        self._splices: dict[StreamId, tuple[NodeId, Splice]] = {}
        self._tasks = TaskOwner("streams")

    def __len__(self) -> int:
        return len(self._splices)

    async def open(self, link: NodeLink, principal: Principal, terminal: str, after: int | None) -> OpenStream:
        """Have the node dial back for one reader of a terminal. Raises WireError: the node's own, or `timeout`."""

        def ask(stream: StreamId, key: str) -> StreamParams:
            return StreamParams(
                stream=stream,
                key=key,
                kind="terminal",
                caller=principal.caller_on(link.node),
                terminal=terminal,
                may_type=principal.has(Scope.TERMINAL, link.node),
                after=after,
            )

        opened = await self._door.open(link, "link.stream", ask)
        return OpenStream(opened.id, link, principal, terminal, opened.raw)

    async def join(self, stream: OpenStream, page: RawSocket) -> None:
        """Pass bytes both ways until both ends have ended."""
        splice = Splice(page, stream.raw, name=stream.id)
        self._splices[stream.id] = (stream.link.node, splice)
        forget = self._live.add(stream.principal, lambda: self._revoke(stream, splice))
        try:
            await splice.wait()
        finally:
            forget()
            del self._splices[stream.id]

    def node_online(self, link: NodeLink) -> None:
        """Nothing to do: readers ask again."""

    def node_offline(self, node: NodeId) -> None:
        for of_node, splice in list(self._splices.values()):
            if of_node == node:
                splice.abort()

    def node_removed(self, node: NodeId) -> None:
        self.node_offline(node)

    async def close(self) -> None:
        """Cut them all: Main stops."""
        for _, splice in list(self._splices.values()):
            splice.abort()
        await self._tasks.close(timeout_s=1.0)

    def _revoke(self, stream: OpenStream, splice: Splice) -> None:
        _ = self._tasks.start(self._end_revoked(stream, splice), name=f"revoke {stream.id}")

    async def _end_revoked(self, stream: OpenStream, splice: Splice) -> None:
        params = msgspec.json.encode(StreamRevokeParams(stream=stream.id))
        try:
            async with asyncio.timeout(REVOKE_DEADLINE_S):
                await stream.link.call("link.stream_revoke", params, deadline_s=REVOKE_DEADLINE_S)
                await splice.wait()
        except (TimeoutError, WireError) as error:
            log.info("stream_cut", stream=stream.id, reason=str(error))
        finally:
            splice.abort()
