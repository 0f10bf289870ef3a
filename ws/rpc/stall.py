"""Telling a connection that stands still from one that is slow."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


@asynccontextmanager
async def moving(unsent_bytes: Callable[[], int], stall_s: float) -> AsyncIterator[None]:
    """Raises TimeoutError in its body when `unsent_bytes` has not fallen for `stall_s` (looked at four times in it).

    A plain deadline would cut a slow line that is still moving a long frame.
    """
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle
    async with asyncio.timeout(stall_s) as deadline:

        def look(before: int) -> None:
            nonlocal timer
            unsent = unsent_bytes()
            if unsent < before:
                deadline.reschedule(loop.time() + stall_s)
            timer = loop.call_later(stall_s / 4, look, unsent)

        timer = loop.call_later(stall_s / 4, look, 0)
        try:
            yield
        finally:
            timer.cancel()
