"""A node's journal as a feed sees it through a link: pages, one watch, deltas, and everything that may go wrong."""

import asyncio
from collections import deque
from typing import Any

import msgspec

from ws.protocol.envelope import Caller
from ws.protocol.errors import ErrorCode, WireError
from ws.rpc import Lagging

_END = object()


class FakeSubscription:
    """Stands for `ws.rpc.Subscription`: events in order, then an end."""

    def __init__(self) -> None:
        self.result = b"{}"
        self.is_closed = False
        self._events: deque[Any] = deque()
        self._arrived = asyncio.Event()

    def put(self, event: Any) -> None:
        self._events.append(event)
        self._arrived.set()

    def __aiter__(self) -> "FakeSubscription":
        return self

    async def __anext__(self) -> bytes:
        while not self._events:
            self._arrived.clear()
            await self._arrived.wait()
        event = self._events.popleft()
        if event is _END:
            raise StopAsyncIteration
        if isinstance(event, Exception):
            raise event
        return bytes(event)

    async def close(self) -> None:
        self.is_closed = True


class FakeJournal:
    """Implements the `Upstream` of a feed. Everything it answers takes a turn of the loop or more."""

    def __init__(self) -> None:
        self.epoch = "e1"
        self.events: list[bytes] = []
        self.watches: list[FakeSubscription] = []
        self.watch_calls = 0
        self.page_calls = 0
        self.is_offline = False
        self._open: tuple[str, str] | None = None
        self._agent = "none"

    @property
    def head(self) -> int:
        return len(self.events)

    def append(self, kind: str = "notice", **fields: Any) -> None:
        """Journal one event and tell the watch."""
        event = msgspec.json.encode({"type": kind, "seq": self.head + 1, "ts": self.epoch, **fields})
        self.events.append(event)
        self._tell(event)

    def repeat(self, seq: int) -> None:
        """Tell the watch an event that it was told before."""
        self._tell(self.events[seq - 1])

    def stream(self, message_id: str, text: str) -> None:
        """Stream more text of a block."""
        so_far = self._open[1] if self._open is not None and self._open[0] == message_id else ""
        self._open = (message_id, so_far + text)
        self._tell(self._delta(message_id, len(so_far), text))

    def agent(self, process: str) -> None:
        """The agent's program starts, lives, or is gone."""
        self._agent = process
        self._tell(self._agent_state())

    def vanish(self) -> None:
        """As `agent("none")`, while the link loses events."""
        self._agent = "none"
        self.lag()

    def finish(self) -> None:
        """The durable block of what was streamed."""
        if self._open is not None:
            message_id, text = self._open
            self._open = None
            self.append("agent_message", message_id=message_id, text=text)

    def lag(self) -> None:
        """The link lost events of the watch."""
        self._end_watches(Lagging("lost"))

    def begin_anew(self, epoch: str, events: int) -> None:
        """The journal is another one."""
        self.epoch, self._open = epoch, None
        self.events = [msgspec.json.encode({"type": "notice", "seq": n, "ts": epoch}) for n in range(1, events + 1)]
        for watch in self._watching():
            self._replay(watch, 0, is_reset=True)

    def go_offline(self) -> None:
        self.is_offline = True
        self._end_watches(WireError(ErrorCode.NODE_OFFLINE, "gone"))

    async def call(self, method: str, params: bytes, *, deadline_s: float, caller: Caller | None = None) -> bytes:
        assert method == "session.events"
        self.page_calls += 1
        asked = msgspec.json.decode(params)
        await asyncio.sleep(0)
        self._check()
        after = asked.get("after", 0)
        page = self.events[after : after + min(asked.get("limit", 500), 7)]
        answer = {"epoch": self.epoch, "head": self.head, "events": [msgspec.Raw(event) for event in page]}
        await asyncio.sleep(0)
        return msgspec.json.encode(answer)

    async def subscribe(self, method: str, params: bytes, *, deadline_s: float, caller: Caller | None = None) -> Any:
        assert method == "session.watch"
        self.watch_calls += 1
        asked = msgspec.json.decode(params)
        await asyncio.sleep(0)
        self._check()
        watch = FakeSubscription()
        after = asked.get("after", 0)
        is_reset = asked.get("epoch") not in (None, self.epoch) or after > self.head
        self._replay(watch, 0 if is_reset else after, is_reset=is_reset)
        self.watches.append(watch)
        await asyncio.sleep(0)
        return watch

    def _check(self) -> None:
        if self.is_offline:
            raise WireError(ErrorCode.NODE_OFFLINE, "gone")

    def _replay(self, watch: FakeSubscription, after: int, *, is_reset: bool) -> None:
        if is_reset:
            watch.put(msgspec.json.encode({"type": "reset", "epoch": self.epoch}))
        for event in self.events[after:]:
            watch.put(event)
        watch.put(msgspec.json.encode({"type": "live", "head": self.head}))
        if self._open is not None:
            watch.put(self._delta(self._open[0], 0, self._open[1]))
        if self._agent != "none":
            watch.put(self._agent_state())

    def _watching(self) -> list[FakeSubscription]:
        return [watch for watch in self.watches if not watch.is_closed]

    def _tell(self, event: bytes) -> None:
        for watch in self._watching():
            watch.put(event)

    def _end_watches(self, end: Any) -> None:
        for watch in self._watching():
            watch.put(end)
            watch.is_closed = True

    def _agent_state(self) -> bytes:
        return msgspec.json.encode({"type": "agent_state", "process": self._agent})

    @staticmethod
    def _delta(message_id: str, offset: int, text: str) -> bytes:
        return msgspec.json.encode(
            {"type": "delta", "message_id": message_id, "kind": "text", "offset": offset, "text": text}
        )
