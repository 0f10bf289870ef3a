"""The way of events from an agent to its session: in order, bounded, read once."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from providers.base import AgentEvent, ProviderFailed

MAX_WAITING_EVENTS = 64
"""With events of at most 1 MiB this bounds one agent's queue: `put` and `room` wait, so a slow reader slows its agent
down. What one message of an agent brings after `room` may go beyond it."""


class EventQueue:
    """Events until `close`; the reader then gets what is left, and the end or the failure."""

    def __init__(self) -> None:
        self._events: deque[AgentEvent] = deque()
        self._is_closed = False
        self._failure: ProviderFailed | None = None
        self._is_filled = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()

    async def put(self, event: AgentEvent) -> None:
        """Append, waiting for room. After `close` events are dropped."""
        await self.room()
        self.put_now(event)

    async def room(self) -> None:
        """Return when fewer than MAX_WAITING_EVENTS wait, or it is closed."""
        await self._has_room.wait()

    def put_now(self, event: AgentEvent) -> None:
        """Append without waiting: for few events (an approval withdrawn, a turn ended), and for more after `room`."""
        if self._is_closed:
            return
        self._events.append(event)
        self._is_filled.set()
        if len(self._events) >= MAX_WAITING_EVENTS:
            self._has_room.clear()

    def close(self, failure: ProviderFailed | None = None) -> None:
        """No more events; the reader ends, with `failure` raised when one is given. The first close counts."""
        if self._is_closed:
            return
        self._is_closed = True
        self._failure = failure
        self._is_filled.set()
        self._has_room.set()

    async def read(self) -> AsyncIterator[AgentEvent]:
        """Every event in order; raises the failure of `close` after the last one."""
        while True:
            while self._events:
                event = self._events.popleft()
                if len(self._events) < MAX_WAITING_EVENTS:
                    self._has_room.set()
                yield event
            if self._is_closed:
                break
            self._is_filled.clear()
            await self._is_filled.wait()
        if self._failure is not None:
            raise self._failure
