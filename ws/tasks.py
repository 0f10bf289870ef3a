"""Every background task has an owner and a name; the owner ends it and never lets its failure pass unseen."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from ws.defects import log_defect

log = structlog.get_logger(__name__)


class TaskOwner:
    """Starts tasks and ends all of them at `close`.

    `name` prefixes the names of its tasks. An exception that a task does not handle itself is a defect: it is logged
    once, and the owner's other tasks go on.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def __len__(self) -> int:
        """How many tasks are running."""
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run `work` as a task of this owner. Raises RuntimeError once the owner is closed."""
        if self._is_closed:
            work.close()
            raise RuntimeError(f"{self.name} is closed and starts no task {name!r} any more")
        task = asyncio.create_task(work, name=f"{self.name}/{name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def close(self, timeout_s: float = 5.0) -> None:
        """Cancel all tasks and wait for them, at most `timeout_s`; those that did not end by then are logged.

        May be called from one of the owner's own tasks, which is then left to end by itself.
        """
        self._is_closed = True
        others = self._tasks - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if not others:
            return
        _, pending = await asyncio.wait(others, timeout=timeout_s)
        for task in pending:
            log.error("task_did_not_end", task=task.get_name(), timeout_s=timeout_s)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            log_defect("task_failed", error, task=task.get_name())
