"""ACP agents as providers, one for each that is configured."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from providers.acp import errors
from providers.acp.history import KEPT
from providers.acp.listed import ListedHistory
from providers.acp.locate import find_command
from providers.acp.presets import Preset, id_of, preset_of
from providers.base import Agent, NativeHistory, NativeSession, ProcessRecorder, ProviderFailed, SessionSpec
from providers.claims import Claims
from providers.description import Ages, Description
from providers.environment import child_environment
from providers.program import Launch
from providers.tasks import TaskStarter
from ws.protocol.events import JournalEvent
from ws.protocol.providers import ProviderInfo

if TYPE_CHECKING:
    from providers.acp.adapter import AcpAgent
    from providers.acp.catalog import Learn

PROBE_S = 60.0
AGES = Ages(fresh_s=24 * 3600.0, retry_s=30.0)
"""Such an agent takes up to 900 MB and seconds of work to be asked."""


@dataclass(frozen=True)
class AcpSettings:
    """`command`: program and arguments, empty for the preset's of this name. `env` is added to its environment.

    `tools` is the folder with agents that were installed for this program alone (`make agents`).
    """

    command: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    tools: Path | None = None


class AcpProvider:
    """See :class:`providers.base.Provider`. `environment` is the node's own."""

    def __init__(
        self, name: str, settings: AcpSettings, environment: Mapping[str, str], start_task: TaskStarter
    ) -> None:
        self._name = name
        self._preset = preset_of(name)
        self._command = tuple(settings.command) or self._preset.command
        self._environment = child_environment(environment, settings.env)
        self._tools = settings.tools
        self._start_task = start_task
        self._description = Description(self._preset.name, self._ask, self._unavailable, start_task, AGES)
        self._opened: set[str] = set()
        """The native sessions of all agents since the start."""
        kept = KEPT.get(name)
        self._listed = ListedHistory(self._list, self._past, start_task)
        self._history = self._listed if kept is None else kept(self._environment, self._opened.__contains__)
        self._claims: Claims[AcpAgent] = Claims(self._preset.name)

    @property
    def id(self) -> str:
        return id_of(self._name)

    @property
    def history(self) -> NativeHistory | None:
        return None if self._history is self._listed and self._listed.is_mute else self._history

    async def describe(self, *, is_awaited: bool = False) -> ProviderInfo:
        return await self._description.get(is_awaited=is_awaited)

    async def open(self, spec: SessionSpec, recorder: ProcessRecorder) -> Agent:
        agent = await self._claims.open(spec.native_id, lambda: self._open(spec, recorder))
        self._opened.add(agent.native_id)
        return agent

    async def close(self) -> None:
        """What all agents share is what is read of their files."""
        self._history.close()

    async def _open(self, spec: SessionSpec, recorder: ProcessRecorder) -> "AcpAgent":
        launch = await self._launch(spec.path)
        open_agent = await asyncio.to_thread(_load_adapter)
        return await open_agent(spec, launch, recorder, self._start_task, self._preset)

    async def _ask(self) -> ProviderInfo:
        """Raises :class:`ProviderFailed` and TimeoutError."""
        async with asyncio.timeout(PROBE_S):
            launch = await self._launch(Path.home())
            ask = await asyncio.to_thread(_load_catalog)
            return await ask(self.id, self._preset, launch, self._start_task, self._listed.learn)

    async def _list(self) -> Sequence[NativeSession] | None:
        """At first what the description brings, which starts it anyway. Raises ProviderFailed and TimeoutError."""
        if not self._listed.has_told():
            info = await self.describe(is_awaited=True)
            if not info.available:
                raise ProviderFailed(info.reason or f"{info.name} is not available.")
            if self._listed.has_told():
                return self._listed.rows
        async with asyncio.timeout(PROBE_S):
            launch = await self._launch(Path.home())
            list_sessions = await asyncio.to_thread(_load_list)
            return await list_sessions(self._preset, launch, self._start_task)

    async def _past(self, native: NativeSession) -> Sequence[JournalEvent]:
        """Raises :class:`ProviderFailed`."""
        launch = await self._launch(native.path)
        read_past = await asyncio.to_thread(_load_past)
        return await read_past(native, self._preset, launch, self._start_task)

    async def _launch(self, folder: Path) -> Launch:
        return Launch(self._preset.name, await self._find_command(), folder, self._environment)

    async def _find_command(self) -> tuple[str, ...]:
        command = await asyncio.to_thread(find_command, self._command, self._environment, self._tools)
        if command is None:
            raise ProviderFailed(
                errors.not_installed(self._preset, self._command, f"providers.acp.{self._name}.command")
            )
        return command

    def _unavailable(self, reason: str) -> ProviderInfo:
        return ProviderInfo(
            id=self.id,
            name=self._preset.name,
            tag=self._preset.tag,
            available=False,
            reason=reason,
            models=[],
            modes=[],
            commands=[],
            features=[],
        )


def _load_adapter() -> Callable[[SessionSpec, Launch, ProcessRecorder, TaskStarter, Preset], Awaitable["AcpAgent"]]:
    from providers.acp.adapter import open_agent  # noqa: PLC0415 - a node without such agents has no use for it

    return open_agent


def _load_catalog() -> Callable[[str, Preset, Launch, TaskStarter, "Learn"], Awaitable[ProviderInfo]]:
    from providers.acp.catalog import ask  # noqa: PLC0415 - see `_load_adapter`

    return ask


def _load_list() -> Callable[[Preset, Launch, TaskStarter], Awaitable[Sequence[NativeSession] | None]]:
    from providers.acp.asking import list_sessions  # noqa: PLC0415 - see `_load_adapter`

    return list_sessions


def _load_past() -> Callable[[NativeSession, Preset, Launch, TaskStarter], Awaitable[Sequence[JournalEvent]]]:
    from providers.acp.asking import read_past  # noqa: PLC0415 - see `_load_adapter`

    return read_past
