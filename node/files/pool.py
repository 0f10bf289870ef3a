"""The threads in which this node touches its file system: few, named, and with a bounded queue."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from ws.protocol.errors import ErrorCode, WireError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

THREADS = 8
"""A hanging network folder holds one thread for each call on it; the other folders still answer."""
MAX_WAITING = 256
"""Calls waiting for a thread. More means that the disk hangs: better to refuse at once than after the deadline."""


class FilePool:
    """Runs blocking calls off the loop, at most `THREADS` at a time.

    A call that its caller gives up still ends in its thread, and the thread stays taken until then: the bound holds.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="files")
        self._waiting = 0

    async def run(
        self, work: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """Call `work` in a thread. Raises what it raises, and WireError rate_limited when too many calls wait."""
        if self._waiting >= THREADS + MAX_WAITING:
            raise WireError(
                ErrorCode.RATE_LIMITED,
                "This machine's disk does not keep up with the calls on it; try again in a moment.",
                retry_after_s=1.0,
            )
        self._waiting += 1
        call = self._executor.submit(work, *args, **kwargs)
        loop = asyncio.get_running_loop()
        call.add_done_callback(lambda _: self._ended(loop))
        return await asyncio.wrap_future(call)

    def close(self) -> None:
        """Refuse further calls; running ones end by themselves."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _ended(self, loop: asyncio.AbstractEventLoop) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        self._waiting -= 1
