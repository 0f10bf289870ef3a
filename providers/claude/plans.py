"""The agent's to-do list: kept by Claude Code's Task tools, or by TodoWrite with CLAUDE_CODE_ENABLE_TASKS=0."""

from collections.abc import Mapping
from typing import Any, Literal

from ws.protocol.events import Plan, PlanEntry

MAX_ENTRIES = 200
MAX_ENTRY_CHARS = 500

_Status = Literal["pending", "in_progress", "completed"]
_STATUSES: dict[str, _Status] = {"pending": "pending", "in_progress": "in_progress", "completed": "completed"}


class PlanKeeper:
    """Follows the calls that change the list; a change gives the whole new plan."""

    def __init__(self) -> None:
        self._tasks: dict[str, PlanEntry] = {}

    def begin_with(self, tasks: Any) -> None:
        """The list as an earlier process or the agent itself has it."""
        self._tasks = {
            str(task.get("id")): _entry({"content": task.get("subject"), "status": task.get("status")})
            for task in _dicts(tasks)
        }

    def changed_by(self, name: str, arguments: Mapping[str, Any], result: Any) -> Plan | None:
        """After a successful call of `name`; None when the plan stays as it was."""
        match name:
            case "TodoWrite":
                todos = arguments.get("todos")
                self._tasks = {str(number): _entry(todo) for number, todo in enumerate(_dicts(todos))}
            case "TaskCreate" if isinstance(result, Mapping) and isinstance(result.get("task"), Mapping):
                task = result["task"]
                self._tasks[str(task.get("id"))] = _entry({"content": task.get("subject")})
            case "TaskList" if isinstance(result, Mapping) and isinstance(result.get("tasks"), list):
                before = self._tasks
                self.begin_with(result["tasks"])
                if self._tasks == before:
                    return None
            case "TaskUpdate" if str(arguments.get("taskId")) in self._tasks:
                self._update(str(arguments["taskId"]), arguments)
            case _:
                return None
        return Plan(entries=list(self._tasks.values())[:MAX_ENTRIES])

    def _update(self, task: str, arguments: Mapping[str, Any]) -> None:
        if arguments.get("status") == "deleted":
            del self._tasks[task]
            return
        entry = self._tasks[task]
        content = str(arguments.get("subject") or entry.content)[:MAX_ENTRY_CHARS]
        status = _STATUSES.get(str(arguments.get("status")), entry.status)
        self._tasks[task] = PlanEntry(content=content, status=status)


def _entry(todo: Mapping[str, Any]) -> PlanEntry:
    content = str(todo.get("content") or "")[:MAX_ENTRY_CHARS]
    return PlanEntry(content=content, status=_STATUSES.get(str(todo.get("status")), "pending"))


def _dicts(values: Any) -> list[Mapping[str, Any]]:
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []
