"""What waits for one session: bounded. A session that is not read slows the app-server down, but not for ever."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

from providers.codex.rpc import Message
from providers.lines import UNKNOWN_SHAPE

log = structlog.get_logger(__name__)

Handler = Callable[[Message], Awaitable[None]]

MAX_MESSAGES = 4096
MAX_BYTES = 128 * 1024 * 1024
"""A single message may have 64 MiB."""

STALL_S = 30.0
"""A session whose events nobody takes for so long must not hold the others up."""


class Inbox:
    """Messages until `close`."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._size = 0
        self._is_closed = False
        self._is_filled = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()

    async def put(self, message: Message) -> bool:
        """Append, waiting for room. False when there was none in time."""
        if self._is_full_for(message) and not await self._has_made_room_for(message):
            return False
        self._messages.append(message)
        self._size += message.size
        self._is_filled.set()
        return True

    def _is_full_for(self, message: Message) -> bool:
        if not self._messages or self._is_closed:
            return False
        return self._size + message.size > MAX_BYTES or len(self._messages) >= MAX_MESSAGES

    async def _has_made_room_for(self, message: Message) -> bool:
        try:
            async with asyncio.timeout(STALL_S):
                while self._is_full_for(message):
                    self._has_room.clear()
                    await self._has_room.wait()
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """The reader gets what is left, and the end."""
        self._is_closed = True
        self._is_filled.set()

    def drop(self) -> None:
        """Nobody reads any more."""
        self._messages.clear()
        self._size = 0
        self._has_room.set()
        self.close()

    async def feed(self, take: Handler, take_odd: Handler) -> None:
        """Give each message to `take` until the end, and one that turns out to be in an unknown shape to `take_odd`.

        Raises what an unknown shape of the end of a turn raises: nothing else would end that turn.
        """
        async for message in self.read():
            try:
                await take(message)
            except UNKNOWN_SHAPE as error:
                if message.method == "turn/completed":
                    raise
                log.warning("codex_message_not_understood", method=message.method, reason=repr(error)[:200])
                await take_odd(message)

    async def read(self) -> AsyncIterator[Message]:
        """Each message once, in order."""
        while True:
            while self._messages:
                message = self._messages.popleft()
                self._size -= message.size
                self._has_room.set()
                yield message
            if self._is_closed:
                return
            self._is_filled.clear()
            await self._is_filled.wait()
