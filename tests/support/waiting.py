"""Waiting for a condition of another process, with a deadline and a reason."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

Value = TypeVar("Value")
_POLL_S = 0.02


@overload
async def eventually(probe: Callable[[], Awaitable[Value | None]], *, what: str, deadline_s: float = ...) -> Value: ...


@overload
async def eventually(probe: Callable[[], Value | None], *, what: str, deadline_s: float = ...) -> Value: ...


async def eventually(probe: Callable[[], Any], *, what: str, deadline_s: float = 15.0) -> Any:
    """The first value of `probe` that is truthy. Raises AssertionError naming `what` after `deadline_s`."""
    end = time.monotonic() + deadline_s
    while True:
        answer = probe()
        value = await answer if isinstance(answer, Awaitable) else answer
        if value:
            return value
        assert time.monotonic() < end, f"waited {deadline_s:g} s in vain for {what}"
        await asyncio.sleep(_POLL_S)
