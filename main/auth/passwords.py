"""Passwords: bcrypt on a small pool of threads, with the same cost for users that do not exist."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

import bcrypt

from ws.protocol.accounts import MAX_PASSWORD_BYTES
from ws.protocol.errors import ErrorCode, WireError

Result = TypeVar("Result")

ROUNDS = 12
"""About a quarter of a second each on a small machine (OWASP's floor is 10)."""

THREADS = 2
"""bcrypt leaves the interpreter lock, so two threads of it cannot starve the loop."""

MAX_WAITING = 64
"""Sign-ins waiting for a thread; more are turned away, so that a flood of them costs no memory."""


class Passwords:
    """Hashes and checks passwords. One slot is one bcrypt computation at a time."""

    def __init__(self, rounds: int = ROUNDS) -> None:
        self._rounds = rounds
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="bcrypt")
        self._slots = asyncio.Semaphore(THREADS)
        self._waiting = 0
        self._nobody: bytes | None = None

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a thread. Raises WireError `rate_limited` when too many wait already."""
        if self._waiting >= MAX_WAITING:
            raise WireError(
                ErrorCode.RATE_LIMITED, "Too many sign-ins at once; try again in a few seconds.", retry_after_s=5.0
            )
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()

    async def hash(self, password: str) -> str:
        """The bcrypt hash of a password of at most 72 bytes. Within a slot."""
        hashed = await self._run(bcrypt.hashpw, password.encode(), bcrypt.gensalt(self._rounds))
        return hashed.decode("ascii")

    async def matches(self, password: str, hashed: str | None) -> bool:
        """Whether `hashed` is of this password. None (no such user) takes as long and is False. Within a slot."""
        if self._nobody is None:
            self._nobody = await self._run(bcrypt.hashpw, b"nobody", bcrypt.gensalt(self._rounds))
        secret = password.encode("utf-8", "surrogateescape")
        can_match = hashed is not None and len(secret) <= MAX_PASSWORD_BYTES
        against = hashed.encode("ascii") if hashed is not None else self._nobody
        is_equal = await self._run(bcrypt.checkpw, secret[:MAX_PASSWORD_BYTES], against)
        return is_equal and can_match

    def close(self) -> None:
        """Take no more work."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, function: Callable[[bytes, bytes], Result], first: bytes, second: bytes) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, first, second)
