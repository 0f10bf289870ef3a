"""Transfers: the node is asked for a stream of records, and a route passes content between it and the client.

Main alone speaks HTTP; here is who may run how many at once, and what ends them all.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from main.auth.access import LiveAccess, Principal
from main.registry.link import NodeLink
from main.relay.streams import StreamDoor
from ws.protocol.base import NodeId, StreamId, Struct, UserId
from ws.protocol.errors import METHOD_NOT_FOUND, ErrorCode, ErrorData, WireError
from ws.protocol.transfers import Span
from ws.streams import Kind, Record, Records, StreamCutError
from ws.tasks import TaskOwner

MAX_OF_USER = 24
MAX_OF_NODE = 48
"""At once. A browser opens six connections to one origin, so this is a few devices; a node takes some more itself."""

LOOK_S = 1.0
"""Between two looks whether the client is still there: while the node prepares something nobody writes to it."""


class Client(Protocol):
    """The connection of whoever asked."""

    def is_gone(self) -> bool: ...

    def cut(self) -> None: ...


Content = TypeVar("Content", bound=Struct)


@dataclass(frozen=True, eq=False)
class Transfer:
    """A stream of records that stands. `answer` is what the node said to the call that asked for it."""

    id: StreamId
    node: NodeId
    user: UserId
    answer: bytes
    records: Records
    client: Client

    def answered(self, kind: type[Content]) -> Content:
        """The node's answer. Raises StreamCutError when it cannot be read."""
        return _decoded(self.answer, kind)

    def ask(self, span: Span) -> None:
        """Tell the node which bytes are wanted. Raises StreamCutError."""
        self.records.write(Kind.ASK, msgspec.json.encode(span))

    def abort(self) -> None:
        """End both sides now."""
        self.records.abort()
        self.client.cut()


class Transfers:
    """Opens transfers and keeps those that run, so that they end with their node or their access."""

    def __init__(self, live: LiveAccess, door: StreamDoor) -> None:
        self._live = live
        self._door = door
        self._running: set[Transfer] = set()
        self._tasks = TaskOwner("transfers")
        self._of_user: Counter[str] = Counter()
        self._of_node: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._running)

    @asynccontextmanager
    async def open(
        self,
        link: NodeLink,
        principal: Principal,
        method: str,
        ask: Callable[[StreamId, str], Struct],
        client: Client,
    ) -> AsyncIterator[Transfer]:
        """A transfer while the context lasts. When access or node go, `client` is cut; when it goes, the stream is.

        Raises WireError: the node's refusal, `rate_limited`, `timeout`, `node_offline`, `unsupported`.
        """
        with self._counted(principal.user, link.node):
            try:
                opened = await self._door.open(link, method, ask)
            except WireError as error:
                if error.rpc_code == METHOD_NOT_FOUND:
                    raise _too_old(link) from error
                raise
            transfer = Transfer(opened.id, link.node, principal.user, opened.answer, Records(opened.raw), client)
            self._running.add(transfer)
            forget = self._live.add(principal, transfer.abort)
            watching = self._tasks.start(_watch(transfer), name=f"watch {opened.id}")
            try:
                yield transfer
            finally:
                watching.cancel()
                forget()
                self._running.discard(transfer)
                transfer.records.abort()

    def node_online(self, link: NodeLink) -> None:
        """Nothing to do: clients ask again."""

    def node_offline(self, node: NodeId) -> None:
        for transfer in list(self._running):
            if transfer.node == node:
                transfer.abort()

    def node_removed(self, node: NodeId) -> None:
        self.node_offline(node)

    async def close(self) -> None:
        """Cut them all: Main stops."""
        for transfer in list(self._running):
            transfer.abort()
        await self._tasks.close(timeout_s=1.0)

    @contextmanager
    def _counted(self, user: UserId, node: NodeId) -> Iterator[None]:
        if self._of_user[user] >= MAX_OF_USER or self._of_node[node] >= MAX_OF_NODE:
            raise WireError(
                ErrorCode.RATE_LIMITED,
                "Too many uploads and downloads run at once; try again when one has ended.",
                retry_after_s=5.0,
            )
        self._of_user[user] += 1
        self._of_node[node] += 1
        try:
            yield
        finally:
            for counter, key in ((self._of_user, user), (self._of_node, node)):
                counter[key] -= 1
                if not counter[key]:
                    del counter[key]


def below_base(error: WireError, base_url: str) -> WireError:
    """A refusal that names the address of a transfer, which a node cannot know: below the sub-path of Main, if any."""
    base = urlsplit(base_url).path.rstrip("/")
    if not base:
        return error
    moved = error.detail.replace(" /api/nodes/", f" {base}/api/nodes/")
    return WireError.from_data(replace(error.data, detail=moved), error.rpc_code)


async def _watch(transfer: Transfer) -> None:
    while not transfer.client.is_gone():  # noqa: ASYNC110  (aiohttp tells nobody who does not read or write)
        await asyncio.sleep(LOOK_S)
    transfer.records.abort()


def decoded(record: Record, kind: type[Content]) -> Content:
    """The JSON of a record. Raises the node's own error for an ERROR record, StreamCutError for what is no such."""
    if record.kind is Kind.ERROR:
        raise WireError.from_data(_decoded(bytes(record.payload), ErrorData))
    return _decoded(bytes(record.payload), kind)


def _decoded(raw: bytes, kind: type[Content]) -> Content:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StreamCutError("the machine answered what cannot be read") from error


def _too_old(link: NodeLink) -> WireError:
    hello = link.hello
    return WireError(
        ErrorCode.UNSUPPORTED,
        f"{hello.name} runs Switchyard {hello.version}, which has no transfers yet: update Switchyard there.",
    )
