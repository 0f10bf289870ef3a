"""How providers start background work: they are given a starter, since tasks belong to the node."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol


class TaskStarter(Protocol):
    """Runs `work` as a named task of an owner, who logs a failure once and ends the task at shutdown."""

    def __call__(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]: ...
