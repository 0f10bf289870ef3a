"""One thing after another: what a session does never overlaps itself, and once begun is never half done."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from ws.tasks import TaskOwner

Result = TypeVar("Result")


class Serial:
    """Runs works in the order of the calls, in a task that lives while there are any.

    Bounded by its callers: each caller waits for its one work.
    """

    def __init__(self, owner: TaskOwner, name: str) -> None:
        self._owner = owner
        self._name = name
        self._waiting: deque[_Work[Any]] = deque()
        self._is_running = False

    async def run(self, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """The result of `work`, or what it raises. When the caller is cancelled it runs to its end all the same."""
        return await self.begin(work)

    def begin(self, work: Callable[[], Coroutine[Any, Any, Result]]) -> asyncio.Future[Result]:
        """As `run`, without waiting. A `work` that may raise is waited for."""
        queued = _Work(work, asyncio.get_running_loop().create_future())
        self._waiting.append(queued)
        if not self._is_running:
            _ = self._owner.start(self._run(), name=self._name)
            self._is_running = True
        return queued.done

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._waiting.popleft().run()
        finally:
            self._is_running = False
            for work in self._waiting:
                work.done.cancel()


class _Work(Generic[Result]):
    def __init__(self, work: Callable[[], Coroutine[Any, Any, Result]], done: asyncio.Future[Result]) -> None:
        self._work = work
        self.done = done

    async def run(self) -> None:
        try:
            result = await self._work()
        except Exception as error:  # noqa: BLE001 (it belongs to the caller; the works behind it go on)
            if not self.done.done():
                self.done.set_exception(error)
        else:
            if not self.done.done():
                self.done.set_result(result)
        finally:
            self.done.cancel()
