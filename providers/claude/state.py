"""The CLI as it is now, beside its turns: what it left running, its servers of tools, its commands."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Literal, Protocol

from msgspec.structs import replace

from providers.base import ProviderFailed
from providers.claude.catalog import MAX_COMMANDS, slash_command
from providers.tasks import TaskStarter
from ws.protocol.base import now
from ws.protocol.events import AgentState, BackgroundTask, ToolServer
from ws.protocol.providers import SlashCommand

MAX_TASKS = 100
MAX_SERVERS = 100
_MAX_TITLE_CHARS = 200
_MAX_PROBLEM_CHARS = 300

_Kind = Literal["command", "agent", "other"]
_KINDS: dict[str, _Kind] = {"local_bash": "command", "local_agent": "agent"}
_Status = Literal["connected", "starting", "failed", "needs_sign_in", "disabled"]
_STATUSES: dict[str, _Status] = {
    "connected": "connected",
    "pending": "starting",
    "failed": "failed",
    "needs-auth": "needs_sign_in",
    "disabled": "disabled",
}
_SIGN_IN = "It wants you to sign in: run `claude` in a terminal on this machine and choose /mcp."


SERVERS_S = 60.0
"""Servers of tools that have not started by then are asked about again when the next turn begins."""

_SERVERS_AGAIN_S = 1.0


class AskCli(Protocol):
    """A control request, named `what` in errors. Raises :class:`ProviderFailed`."""

    def __call__(self, what: str, **request: Any) -> Awaitable[Mapping[str, Any]]: ...


class LiveState:
    """The state of one running CLI: `tell` gets it whole when it was asked for."""

    def __init__(self, start_task: TaskStarter, ask: AskCli, tell: Callable[[AgentState], None]) -> None:
        self._start_task = start_task
        self._ask = ask
        self._tell = tell
        self._keeper = StateKeeper()
        self._asking: asyncio.Task[None] | None = None

    @property
    def tasks(self) -> frozenset[str]:
        return self._keeper.tasks

    @property
    def has_agents(self) -> bool:
        """Something in the background may still ask."""
        return self._keeper.has_agents

    def connected(self, commands: object) -> None:
        """After the handshake, with the commands of its answer."""
        self._told(self._keeper.connected(commands))
        self._ask_servers()

    def told(self, subtype: str, data: Mapping[str, Any]) -> AgentState | None:
        """A system message of the CLI; the state when it changed, which is not given to `tell`."""
        state = self._keeper.told(subtype, data)
        if subtype == "init" and self._keeper.has_starting_servers:
            self._ask_servers()
        return state

    def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()

    def _told(self, state: AgentState | None) -> None:
        if state is not None:
            self._tell(state)

    def _ask_servers(self) -> None:
        if self._asking is None or self._asking.done():
            self._asking = self._start_task(self._follow_servers(), name="claude-servers")

    async def _follow_servers(self) -> None:
        """Until none is starting any more: the CLI tells of its servers only when it is asked."""
        with suppress(ProviderFailed, TimeoutError):
            async with asyncio.timeout(SERVERS_S):
                while True:
                    self._told(self._keeper.servers_are(await self._ask("tell of its servers", subtype="mcp_status")))
                    if not self._keeper.has_starting_servers:
                        return
                    await asyncio.sleep(_SERVERS_AGAIN_S)


class StateKeeper:
    """Follows what the CLI tells of itself; each call that changes something gives the whole new state, else None."""

    def __init__(self, clock: Callable[[], str] = now) -> None:
        self._clock = clock
        self._tasks: dict[str, BackgroundTask] = {}
        self._calls: dict[str, str] = {}
        """Task → tool call, told once and not with the list."""
        self._servers: dict[str, ToolServer] = {}
        self._commands: list[SlashCommand] | None = None
        self._told = AgentState(process="live")

    @property
    def tasks(self) -> frozenset[str]:
        return frozenset(self._tasks)

    @property
    def has_agents(self) -> bool:
        return any(task.kind != "command" for task in self._tasks.values())

    @property
    def has_starting_servers(self) -> bool:
        return any(server.status == "starting" for server in self._servers.values())

    def told(self, subtype: str, data: Mapping[str, Any]) -> AgentState | None:
        """A system message of the CLI."""
        match subtype:
            case "background_tasks_changed":
                self._list_tasks(_mappings(data.get("tasks")))
            case "task_started":
                self._started(data)
            case "init":
                self._list_servers(_mappings(data.get("mcp_servers")))
            case _:
                return None
        return self._news()

    def connected(self, commands: object) -> AgentState | None:
        """The CLI's commands in this folder, as the handshake gives them."""
        self._commands = [slash_command(command) for command in _mappings(commands)[:MAX_COMMANDS]]
        return self._news()

    def servers_are(self, answer: Mapping[str, Any]) -> AgentState | None:
        """The answer to `mcp_status`, the only one that says why a server is not connected."""
        self._list_servers(_mappings(answer.get("mcpServers")))
        return self._news()

    def _list_tasks(self, tasks: Iterable[Mapping[str, Any]]) -> None:
        """The whole list; without the tasks that ended."""
        before = self._tasks
        self._tasks = {}
        for told in tasks:
            name = str(told.get("task_id"))
            if len(self._tasks) == MAX_TASKS:
                break
            self._tasks[name] = before.get(name) or BackgroundTask(
                id=name,
                kind=_KINDS.get(str(told.get("task_type")), "other"),
                title=str(told.get("description") or name)[:_MAX_TITLE_CHARS],
                started=self._clock(),
                tool_call_id=self._calls.get(name),
            )
        self._calls = {name: call for name, call in self._calls.items() if name in self._tasks}

    def _started(self, data: Mapping[str, Any]) -> None:
        """Comes just after the list that has the task, or for a sub-agent that is waited for, which is in no list."""
        name, call = str(data.get("task_id")), data.get("tool_use_id")
        if name in self._tasks and isinstance(call, str):
            self._calls[name] = call
            self._tasks[name] = replace(self._tasks[name], tool_call_id=call)

    def _list_servers(self, servers: Iterable[Mapping[str, Any]]) -> None:
        before = self._servers
        self._servers = {}
        for told in servers:
            name = str(told.get("name"))
            if len(self._servers) == MAX_SERVERS:
                break
            status = _STATUSES.get(str(told.get("status")), "failed")
            known = before.get(name)
            problem = str(told.get("error") or "")[:_MAX_PROBLEM_CHARS] or None
            if problem is None and status == "needs_sign_in":
                problem = _SIGN_IN
            if problem is None and known is not None and known.status == status:
                problem = known.problem
            self._servers[name] = ToolServer(name=name, status=status, problem=problem)

    def _news(self) -> AgentState | None:
        state = AgentState(
            process="live",
            tasks=list(self._tasks.values()),
            servers=list(self._servers.values()),
            commands=self._commands,
        )
        if state == self._told:
            return None
        self._told = state
        return state


def _mappings(values: object) -> list[Mapping[str, Any]]:
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []
