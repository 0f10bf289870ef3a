"""One session as Main follows it: one watch at the node, however many browsers look.

The watch at the node begins at the journal's head. A reader who is behind is served in three steps: pages of the
journal from the node until it reaches the ring, then the ring, then live. A reader is at one step at a time and moves
on with its cursor, so every event reaches it exactly once and in order, whatever happens in between.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import structlog

from main.relay.ring import OpenBlocks, Ring
from ws.defects import internal_error
from ws.protocol.base import NodeId, SessionId
from ws.protocol.envelope import Caller
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import AgentState, Delta, Live, Reset
from ws.protocol.sessions import SessionEventsParams, SessionWatchParams, SessionWatchResult
from ws.rpc import Detach, EventSink, Feed, Lagging, Subscription
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

NODE_DEADLINE_S = 10.0
PAGE_EVENTS = 500

PAUSE_S = 1.0
"""From one watch at the node to the next at least, however often the node says that it lost events."""


class Upstream(Protocol):
    """The link to the node, as far as a feed needs it."""

    async def call(self, method: str, params: bytes, *, deadline_s: float, caller: Caller | None = None) -> bytes: ...

    async def subscribe(
        self, method: str, params: bytes, *, deadline_s: float, caller: Caller | None = None
    ) -> Subscription: ...


class _Header(msgspec.Struct):
    """As much of an event as the relay reads."""

    type: str
    seq: int = 0
    message_id: str | None = None


class _Page(msgspec.Struct):
    """A page of the journal with its events unread."""

    epoch: str
    head: int
    events: list[msgspec.Raw] = []


@dataclass(eq=False)
class Reader:
    """One browser's subscription. `cursor` is the last seq it was given."""

    sink: EventSink
    cursor: int
    is_joined: bool = False
    is_live: bool = False
    is_over: bool = False
    catching_up: asyncio.Task[None] | None = field(default=None, repr=False)


_encode = msgspec.json.encode
_NO_AGENT = _encode(AgentState(process="none"))
_read_header = msgspec.json.Decoder(_Header).decode
_read_delta = msgspec.json.Decoder(Delta).decode
_read_page = msgspec.json.Decoder(_Page).decode


class SessionFeed:
    """Follows one session from `start` until `stop`, or until the node ends it; then `is_over`."""

    def __init__(
        self,
        upstream: Upstream,
        node: NodeId,
        session: SessionId,
        caller: Caller,
        owner: TaskOwner,
        on_over: Callable[["SessionFeed"], None],
    ) -> None:
        self.key = (node, session)
        self.users = 0
        self.is_over = False
        self.epoch = ""
        self.ring = Ring(0)
        self._upstream = upstream
        self._caller = caller
        self._owner = owner
        self._on_over = on_over
        self._is_live = False
        self._blocks = OpenBlocks()
        self._agent: bytes | None = None  # agent_state as it is now, None while there is no agent
        self._readers: set[Reader] = set()
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._follower = owner.start(self._follow(), name=f"feed {session}")

    async def ready(self) -> None:
        """Wait until the watch at the node stands. Raises the WireError with which the node refused it."""
        await asyncio.shield(self._ready)

    async def watch(self, after: int, epoch: str | None) -> Feed:
        """A feed for one reader with that cursor. Raises WireError when the node does not answer."""
        is_reset = epoch is not None and epoch != self.epoch
        if not is_reset and after > self.ring.head:
            # The reader may know more than has come through the watch so far: the node decides.
            is_reset = after > (await self._page(after, limit=1)).head
        result = _encode(SessionWatchResult(epoch=self.epoch, head=self.ring.head))
        return Feed(result, lambda sink: self._attach(sink, 0 if is_reset else after, is_reset=is_reset))

    def stop(self) -> None:
        """Nobody looks any more."""
        self._close()
        self._follower.cancel()

    def _attach(self, sink: EventSink, cursor: int, *, is_reset: bool) -> Detach:
        reader = Reader(sink, cursor)
        if self.is_over:
            sink.lag()  # the feed has ended between the result and now: asking again tells why
        else:
            self._readers.add(reader)
            self._start_catching_up(reader, is_reset=is_reset)

        def detach() -> None:
            self._drop(reader)
            self.users -= 1
            if self.users == 0 and not self.is_over:
                self.stop()

        return detach

    def _drop(self, reader: Reader) -> None:
        self._readers.discard(reader)
        reader.is_over = True
        if reader.catching_up is not None:
            reader.catching_up.cancel()

    # --- one reader catching up

    def _start_catching_up(self, reader: Reader, *, is_reset: bool) -> None:
        if reader.catching_up is not None:
            reader.catching_up.cancel()
        reader.is_joined = reader.is_live = False
        reader.catching_up = self._owner.start(self._catch_up(reader, is_reset=is_reset), name="catch up")

    async def _catch_up(self, reader: Reader, *, is_reset: bool) -> None:
        try:
            if is_reset and not await reader.sink.send(_encode(Reset(epoch=self.epoch))):
                return
            await self._bring_to_head(reader)
        except WireError as error:
            reader.sink.end(error)
        except msgspec.DecodeError as error:
            reader.sink.end(internal_error("page_unreadable", error))

    async def _bring_to_head(self, reader: Reader) -> None:
        while reader.cursor < self.ring.head:
            if reader.cursor < self.ring.floor:
                page = await self._page(reader.cursor)
                missing = [(_read_header(event).seq, bytes(event)) for event in page.events]
                if page.epoch != self.epoch or not missing:
                    reader.sink.lag()  # the journal is another one by now; the reader asks again and is told
                    return
            else:
                missing = self.ring.after(reader.cursor)
            if missing[-1][0] <= reader.cursor:
                raise WireError(
                    ErrorCode.INTERNAL, "The machine does not answer with the events that it was asked for."
                )
            for seq, event in missing:
                if seq > reader.cursor:
                    if not await reader.sink.send(event):
                        return
                    reader.cursor = seq
        self._join(reader)

    def _join(self, reader: Reader) -> None:
        reader.is_joined = True
        reader.catching_up = None
        if self._is_live:
            self._make_live(reader)

    def _make_live(self, reader: Reader) -> None:
        if reader.is_live:
            return
        reader.is_live = True
        reader.sink.offer(_encode(Live(head=max(self.ring.head, reader.cursor))))
        for delta in self._blocks:
            reader.sink.offer(_encode(delta))
        if self._agent is not None:
            reader.sink.offer(self._agent)

    async def _page(self, after: int, limit: int = PAGE_EVENTS) -> _Page:
        node, session = self.key
        params = SessionEventsParams(node=node, session=session, after=after, limit=limit)
        return _read_page(await self._call("session.events", params))

    # --- the watch at the node

    async def _follow(self) -> None:
        try:
            first = await self._page(0, limit=1)
            self.epoch, self.ring = first.epoch, Ring(first.head)
            loop = asyncio.get_running_loop()
            begun_at = loop.time()
            while await self._follow_once():
                log.info("feed_lagged", session=self.key[1])
                await asyncio.sleep(begun_at + PAUSE_S - loop.time())
                begun_at = loop.time()
            self._finish(None)
        except WireError as error:
            self._finish(error)
        except Exception as error:  # noqa: BLE001  the boundary of a feed: its readers must be told
            self._finish(internal_error("feed_failed", error))
        finally:
            self._close()

    async def _follow_once(self) -> bool:
        """Take events until the watch has ended. True: some were lost on the way, so watch again from the head."""
        subscription = await self._subscribe()
        if not self._ready.done():
            self._ready.set_result(None)
        try:
            async for event in subscription:
                self._take(event)
        except Lagging:
            return True
        finally:
            await subscription.close()
        return False

    async def _subscribe(self) -> Subscription:
        node, session = self.key
        params = SessionWatchParams(node=node, session=session, after=self.ring.head, epoch=self.epoch)
        return await self._upstream.subscribe(
            "session.watch", _encode(params), deadline_s=NODE_DEADLINE_S, caller=self._caller
        )

    def _call(self, method: str, params: msgspec.Struct) -> Awaitable[bytes]:
        return self._upstream.call(method, _encode(params), deadline_s=NODE_DEADLINE_S, caller=self._caller)

    def _take(self, event: bytes) -> None:
        header = _read_header(event)
        if header.type == "delta":
            self._blocks.add(_read_delta(event))
            self._offer(event)
        elif header.type == "agent_state":
            self._agent = None if event == _NO_AGENT else event
            self._offer(event)
        elif header.type == "live":
            self._forget_agent()
            self._is_live = True
            for reader in [each for each in self._readers if each.is_joined]:
                self._make_live(reader)
        elif header.type == "reset":
            self._begin_anew(msgspec.json.decode(event, type=Reset).epoch)
        elif header.seq > self.ring.head:
            self._take_durable(header, event)

    def _take_durable(self, header: _Header, event: bytes) -> None:
        if header.message_id is not None:
            self._blocks.close(header.message_id)
        if header.type == "turn_ended":
            self._blocks.clear()
        is_next = self.ring.add(header.seq, event)
        if not is_next:
            log.warning("feed_gap", session=self.key[1], seq=header.seq)
        for reader in [each for each in self._readers if each.is_joined]:
            if not is_next and reader.cursor < header.seq - 1:
                self._start_catching_up(reader, is_reset=False)
            elif header.seq > reader.cursor:
                reader.cursor = header.seq
                reader.sink.offer(event)

    def _offer(self, event: bytes) -> None:
        for reader in [each for each in self._readers if each.is_live]:
            reader.sink.offer(event)

    def _forget_agent(self) -> None:
        """The watch at the node begins, perhaps again: what is true now follows."""
        if self._agent is not None:
            self._agent = None
            self._offer(_NO_AGENT)

    def _begin_anew(self, epoch: str) -> None:
        """The journal is another one: every reader forgets its view and starts from 1."""
        self.epoch, self.ring, self._is_live = epoch, Ring(0), False
        self._blocks.clear()
        for reader in list(self._readers):
            reader.cursor = 0
            self._start_catching_up(reader, is_reset=True)

    def _finish(self, error: WireError | None) -> None:
        """The node has ended the watch (None: because it is complete): so end the readers."""
        if not self._ready.done() and error is not None:
            self._ready.set_exception(error)
            self._ready.exception()  # looked at: perhaps nobody waits any more
        for reader in list(self._readers):
            self._drop(reader)
            reader.sink.end(error)

    def _close(self) -> None:
        if not self.is_over:
            self.is_over = True
            self._on_over(self)
        if not self._ready.done():
            self._ready.cancel()
