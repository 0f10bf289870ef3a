"""What goes on beside the turns: commands and sub-agents that were left running, and the servers of tools."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from ws.protocol.events import AgentState, BackgroundTask, ToolServer

MAX_TASKS = 200
MAX_SERVERS = 100
MAX_TITLE_CHARS = 200

_STATUSES: dict[str, Literal["connected", "starting", "failed", "disabled"]] = {
    "ready": "connected",
    "starting": "starting",
    "failed": "failed",
    "cancelled": "disabled",
}


class Background:
    """Each change returns the whole new state, None when nothing changed."""

    def __init__(self) -> None:
        self._tasks: dict[str, BackgroundTask] = {}
        self._servers: dict[str, ToolServer] = {}

    def has(self, task: str) -> bool:
        return task in self._tasks

    def left(self, task: str, kind: Literal["command", "agent"], title: str, started_ms: int, call: str | None) -> None:
        """Something goes on after its turn; told by the next `state`."""
        if len(self._tasks) < MAX_TASKS:
            started = datetime.fromtimestamp(started_ms / 1000, UTC).isoformat(timespec="milliseconds")
            self._tasks[task] = BackgroundTask(
                id=task,
                kind=kind,
                title=title[:MAX_TITLE_CHARS],
                started=started.replace("+00:00", "Z"),
                tool_call_id=call,
            )

    def ended(self, task: str) -> AgentState | None:
        return self.state() if self._tasks.pop(task, None) is not None else None

    def server(self, params: Mapping[str, Any]) -> AgentState | None:
        """From `mcpServer/startupStatus/updated`."""
        name, problem = str(params.get("name") or ""), params.get("error")
        status = _STATUSES.get(str(params.get("status")))
        if status is None or not name or (name not in self._servers and len(self._servers) >= MAX_SERVERS):
            return None
        needs_sign_in = params.get("failureReason") == "reauthenticationRequired"
        found = ToolServer(
            name=name,
            status="needs_sign_in" if needs_sign_in else status,
            problem=str(problem)[:500] if problem else None,
        )
        if self._servers.get(name) == found:
            return None
        self._servers[name] = found
        return self.state()

    def state(self) -> AgentState:
        return AgentState(process="live", tasks=list(self._tasks.values()), servers=list(self._servers.values()))
