"""Claude Code as a provider. Imports no SDK: that waits for the first session."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from providers.base import Agent, NativeHistory, ProcessRecorder, ProviderFailed, SessionSpec
from providers.claims import Claims
from providers.claude import catalog, errors
from providers.claude.history import ClaudeHistory
from providers.claude.locate import find_command
from providers.claude.options import arguments
from providers.description import Description
from providers.environment import child_environment
from providers.program import Launch
from providers.tasks import TaskStarter
from ws.protocol.events import Notice
from ws.protocol.providers import ProviderInfo

if TYPE_CHECKING:
    from providers.claude.adapter import ClaudeAgent
    from providers.claude.left import Left

HANDSHAKE_S = 20.0
"""On a machine that is busy starting it may take longer: it goes on, and a later answer has it."""

MAX_LEFT = 256
"""Native sessions of which is remembered what their last process left."""

NOT_CUT = Notice(
    level="warning",
    code="memory_not_cut",
    text="Claude could not forget what was undone, because it has summarised the conversation since.",
)

MEMORY_LOST = Notice(
    level="warning",
    code="memory_lost",
    text="Claude no longer has what was said before in this session: it starts without that memory.",
)


@dataclass(frozen=True)
class ClaudeSettings:
    """`command`: program and first arguments, empty for the CLI in the SDK's wheel, else `claude` on the PATH.

    `env` is added to the environment of every CLI.
    """

    command: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)


class ClaudeProvider:
    """See :class:`providers.base.Provider`. `environment` is the node's own."""

    id = "claude"

    def __init__(self, settings: ClaudeSettings, environment: Mapping[str, str], start_task: TaskStarter) -> None:
        self._command = settings.command
        self._environment = child_environment(environment, settings.env)
        self._history = ClaudeHistory(self._environment)
        self._start_task = start_task
        self._description = Description(catalog.NAME, self._ask, catalog.unavailable, start_task)
        self._claims: Claims[ClaudeAgent] = Claims("Claude", self._keep_left)
        self._left: dict[str, Left] = {}
        """By native id, the newest last."""

    @property
    def history(self) -> NativeHistory:
        return self._history

    async def describe(self, *, is_awaited: bool = False) -> ProviderInfo:
        return await self._description.get(is_awaited=is_awaited)

    async def open(self, spec: SessionSpec, recorder: ProcessRecorder) -> Agent:
        native_id = spec.native_id or spec.new_native_id
        agent = await self._claims.open(native_id, lambda: self._open_somehow(spec, recorder))
        self._left.pop(native_id or "", None)
        return agent

    def _keep_left(self, native_id: str | None, agent: "ClaudeAgent") -> None:
        if native_id is None:
            return
        self._left.pop(native_id, None)
        self._left[native_id] = agent.left
        while len(self._left) > MAX_LEFT:
            del self._left[next(iter(self._left))]

    async def close(self) -> None:
        self._history.close()

    async def _ask(self) -> ProviderInfo:
        """Raises :class:`ProviderFailed` and TimeoutError."""
        async with asyncio.timeout(HANDSHAKE_S):
            command = await self._find_command()
            answer = await catalog.handshake(command, self._environment, self._start_task)
        return catalog.describe(answer, command, can_bypass=self._can_bypass())

    async def _open_somehow(self, spec: SessionSpec, recorder: ProcessRecorder) -> "ClaudeAgent":
        """What the CLI has on disk decides: the node may have died just before, or just after, it was written."""
        try:
            return await self._open(spec, spec, recorder)
        except errors.SessionIdTaken:
            return await self._open(spec, replace(spec, native_id=spec.new_native_id), recorder)
        except errors.AnchorGone:
            if spec.native_id is None:
                raise
            agent = await self._open(spec, replace(spec, resume_at=None), recorder)
            agent.tell_with_next_turn(NOT_CUT)
            return agent
        except errors.ConversationGone:
            if spec.native_id is None:
                raise
            fresh = replace(spec, native_id=None, new_native_id=spec.native_id, fork_of=None)
            agent = await self._open(spec, fresh, recorder)
            if not self._left_to(spec).is_all:
                agent.tell_with_next_turn(MEMORY_LOST)
            return agent

    async def _open(self, spec: SessionSpec, started_as: SessionSpec, recorder: ProcessRecorder) -> "ClaudeAgent":
        command = await self._find_command()
        launch = Launch(catalog.NAME, command, spec.path, self._environment, arguments(started_as))
        open_agent = await asyncio.to_thread(_load_adapter)
        return await open_agent(spec, launch, recorder, self._start_task, self._left_to(spec))

    def _left_to(self, spec: SessionSpec) -> "Left":
        """What the process before could not keep; not what came after the point that is resumed at."""
        from providers.claude.left import Left  # noqa: PLC0415 - as the adapter

        left = self._left.get(spec.native_id or spec.new_native_id or "", Left())
        return left if spec.resume_at is None else replace(left, lost=())

    async def _find_command(self) -> tuple[str, ...]:
        command = await asyncio.to_thread(find_command, self._command, self._environment)
        if command is None:
            raise ProviderFailed(errors.NOT_INSTALLED)
        return command

    def _can_bypass(self) -> bool:
        """The CLI refuses root that mode unless it is told that this is a sandbox."""
        return os.geteuid() != 0 or self._environment.get("IS_SANDBOX") == "1"


def _load_adapter() -> "Callable[[SessionSpec, Launch, ProcessRecorder, TaskStarter, Left], Awaitable[ClaudeAgent]]":
    from providers.claude.adapter import open_agent  # noqa: PLC0415 - the SDK is loaded with the first session only

    return open_agent
