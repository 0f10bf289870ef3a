"""Events between one who offers and one who reads, bounded in bytes."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence

from ws.protocol.errors import WireError
from ws.rpc.feeds import Detach, Feed, Lagging


class EventQueue:
    """An :class:`ws.rpc.EventSink` at one end and an async iterator of the events at the other.

    A live event that finds more than `max_bytes` waiting is lost with all that wait, and the reader gets Lagging; any
    single event fits an empty queue. Iterating ends as the feed ended: Lagging, WireError, or complete. One reader.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._events: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._end: Lagging | WireError | StopAsyncIteration | None = None

    @property
    def is_over(self) -> bool:
        """No more events come; those that wait can still be read."""
        return self._end is not None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._events:
            if self._end is not None:
                raise self._end
            self._arrived.clear()
            await self._arrived.wait()
        event = self._events.popleft()
        self._waiting_bytes -= len(event)
        self._taken.set()
        return event

    def offer(self, event: bytes) -> bool:
        if self.is_over:
            return False
        if not self._fits(event):
            self.clear()
            self.lag()
            return False
        self._add(event)
        return True

    def offer_all(self, events: Sequence[bytes]) -> bool:
        return all(self.offer(event) for event in events)

    async def send(self, event: bytes) -> bool:
        while not self.is_over and not self._fits(event):
            self._taken.clear()
            await self._taken.wait()
        if self.is_over:
            return False
        self._add(event)
        return True

    def lag(self) -> None:
        self.finish(Lagging("the reader of a subscription fell behind"))

    def end(self, error: WireError | None = None) -> None:
        self.finish(StopAsyncIteration() if error is None else error)

    def finish(self, end: Lagging | WireError | StopAsyncIteration) -> None:
        """What iterating raises after the events that wait. The first end counts."""
        if self._end is None:
            self._end = end
            self._arrived.set()
            self._taken.set()

    def clear(self) -> None:
        """Drop the events that wait."""
        self._events.clear()
        self._waiting_bytes = 0
        self._taken.set()

    def _add(self, event: bytes) -> None:
        self._events.append(event)
        self._waiting_bytes += len(event)
        self._arrived.set()

    def _fits(self, event: bytes) -> bool:
        return not self._events or self._waiting_bytes + len(event) <= self._max_bytes


class FeedReader(EventQueue):
    """A feed read here instead of sent over a socket: for an HTTP event stream. `aclose` lets the feed go."""

    def __init__(self, feed: Feed, max_bytes: int) -> None:
        super().__init__(max_bytes)
        self.result = feed.result
        self._detach: Detach | None = feed.attach(self)

    async def aclose(self) -> None:
        """Detach the feed, once; drop what waits."""
        self.finish(StopAsyncIteration())
        self.clear()
        detach, self._detach = self._detach, None
        if detach is not None:
            detach()
