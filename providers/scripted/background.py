"""What a scripted agent leaves in the background, and what it tells of itself."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from providers.base import AgentEvent
from providers.scripted.conversation import Background, Server
from providers.tasks import TaskStarter
from ws.protocol.base import now
from ws.protocol.events import AgentState, BackgroundTask, ToolServer


class BackgroundTasks:
    """One agent's. `emit` takes events without waiting; `speak` says a text in a turn of the agent's own."""

    def __init__(
        self,
        servers: Sequence[Server],
        start_task: TaskStarter,
        *,
        emit: Callable[[AgentEvent], None],
        speak: Callable[[str, str], Coroutine[Any, Any, None]],
    ) -> None:
        self._servers = [ToolServer(name=each.name, status=each.status, problem=each.problem) for each in servers]
        self._start_task = start_task
        self._emit = emit
        self._speak = speak
        self._tasks: dict[str, BackgroundTask] = {}
        self._clocks: dict[str, asyncio.Task[None]] = {}
        if self._servers:
            self._tell()

    def begin(self, task: str, step: Background) -> None:
        """The task runs from now on."""
        self._tasks[task] = BackgroundTask(id=task, kind=step.kind, title=step.title, started=now())
        self._tell()
        if step.ends_after_ms is not None:
            clock = self._end_later(task, step.ends_after_ms / 1000, step.says)
            self._clocks[task] = self._start_task(clock, name=f"scripted-{task}")

    def stop(self, task: str) -> None:
        """Raises KeyError when it runs no more."""
        del self._tasks[task]
        clock = self._clocks.pop(task, None)
        if clock is not None:
            clock.cancel()
        self._tell()

    def close(self) -> None:
        """The agent ends, and all with it."""
        for clock in self._clocks.values():
            clock.cancel()

    async def _end_later(self, task: str, after_s: float, says: str) -> None:
        await asyncio.sleep(after_s)
        del self._tasks[task]
        self._tell()
        if says:
            await self._speak(task, says)
        self._clocks.pop(task, None)

    def _tell(self) -> None:
        self._emit(AgentState(process="live", tasks=list(self._tasks.values()), servers=self._servers))
