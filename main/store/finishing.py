"""Work that a cancelled caller must not leave half done."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


async def to_the_end(
    work: Coroutine[Any, Any, Result], *, unwanted: Callable[[Result], Awaitable[None]] | None = None
) -> Result:
    """Await `work`; when the caller is cancelled, the work is finished first and the cancellation raised then.

    `unwanted` undoes the result that nobody is there to take any more. What the work itself raises is raised, unless
    the caller is cancelled.
    """
    task = asyncio.create_task(work, name="to the end")  # noqa: TID251  its owner is this call, which outlives it
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if unwanted is not None and not task.cancelled() and task.exception() is None:
            await unwanted(task.result())
        raise
