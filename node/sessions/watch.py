"""Watching a session: the journal from a cursor on, then live, without a gap and nothing twice."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from node.sessions.fitting import encode
from node.sessions.journal import Journal
from node.sessions.presence import NO_AGENT
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import Live, Reset
from ws.rpc import Lagging

MAX_WAITING_BYTES = 4 * 1024 * 1024
"""Live events that a reader has not taken; then it lags and asks again from its cursor."""


class _Live:
    """The live part of one watch: a bounded queue."""

    def __init__(self) -> None:
        self._events: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._end: WireError | Lagging | None = None
        self._is_filled = asyncio.Event()

    def offer(self, event: bytes) -> None:
        if self._end is not None:
            return
        if self._events and self._waiting_bytes + len(event) > MAX_WAITING_BYTES:
            self._events.clear()
            self._end = Lagging("the reader of a session fell behind")
        else:
            self._events.append(event)
            self._waiting_bytes += len(event)
        self._is_filled.set()

    def end(self, error: WireError | Lagging) -> None:
        self._end = self._end or error
        self._is_filled.set()

    async def read(self) -> AsyncIterator[bytes]:
        while True:
            while self._events:
                event = self._events.popleft()
                self._waiting_bytes -= len(event)
                yield event
            if self._end is not None:
                raise self._end
            self._is_filled.clear()
            await self._is_filled.wait()


async def watch(journal: Journal, after: int, epoch: str | None) -> AsyncIterator[bytes]:
    """Events as JSON, for one reader, from its cursor on.

    A cursor of another epoch, or past the head, is answered by `reset` and everything from 1. Then `live`, one
    delta from offset 0 for each open block, `agent_state` unless there is no agent, and what happens from there on.
    Ends with Lagging, or WireError when the session is deleted.
    """
    if after > journal.state.head or epoch not in {None, journal.state.epoch}:
        yield encode(Reset(epoch=journal.state.epoch))
        after = 0
    while after < journal.state.head:
        page = await journal.page(after)
        if not page:
            raise WireError(ErrorCode.NOT_FOUND, "This session has been deleted.")
        for body in page:
            yield body
        after += len(page)  # `seq` is dense
    # Nothing is awaited between the last look at the head and joining: nothing can be missed.
    live = _Live()
    open_blocks, agent = journal.join(live), journal.agent
    try:
        yield encode(Live(head=after))
        for delta in open_blocks:
            yield encode(delta)
        if agent != NO_AGENT:
            yield encode(agent)
        async for event in live.read():
            yield event
    finally:
        journal.leave(live)
