"""Deadlines of a session: each has a name, and what happens then is a task of the owner."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ws.tasks import TaskOwner


class Timers:
    """Named one-shot timers."""

    def __init__(self, owner: TaskOwner) -> None:
        self._owner = owner
        self._handles: dict[str, asyncio.TimerHandle] = {}

    def set(self, name: str, after_s: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do `work` then, unless the timer is set anew or cancelled before."""
        self.cancel(name)
        self._handles[name] = asyncio.get_running_loop().call_later(after_s, self._due, name, work)

    def cancel(self, name: str) -> None:
        handle = self._handles.pop(name, None)
        if handle is not None:
            handle.cancel()

    def cancel_all(self) -> None:
        for name in list(self._handles):
            self.cancel(name)

    def _due(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        del self._handles[name]
        _ = self._owner.start(work(), name=name)
