"""ACP agents as providers, one for each that is configured."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from providers.acp import errors
from providers.acp.presets import Preset, id_of, preset_of
from providers.acp.process import Launch, resolve
from providers.base import Agent, NativeHistory, ProcessRecorder, ProviderFailed, SessionSpec
from providers.environment import child_environment
from providers.tasks import TaskStarter
from ws.protocol.providers import ProviderInfo

if TYPE_CHECKING:
    from providers.acp.adapter import AcpAgent

DESCRIBE_S = 1.8
"""The first answer of providers.list is due in 2 s; a handshake takes 0.6–7 s: it goes on and a later answer has it."""

AWAITED_S = 29.0
PROBE_S = 60.0
RETRY_S = 30.0
"""A description that is not available is asked for again: somebody may have signed in meanwhile."""

FRESH_S = 24 * 3600.0
"""One that is available: such an agent takes up to 900 MB and seconds of work to be asked."""


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
        self._info: ProviderInfo | None = None
        self._info_until = 0.0
        self._refreshing: asyncio.Task[None] | None = None
        self._claimed: dict[str, AcpAgent | None] = {}
        """By native id; None while it is being opened."""

    @property
    def id(self) -> str:
        return id_of(self._name)

    @property
    def history(self) -> NativeHistory | None:
        return None

    async def describe(self, *, is_awaited: bool = False) -> ProviderInfo:
        """Cached. Only while there is no good description is one waited for, at most DESCRIBE_S or AWAITED_S."""
        if asyncio.get_running_loop().time() >= self._info_until:
            if self._refreshing is None or self._refreshing.done():
                self._refreshing = self._start_task(self._refresh(), name=f"acp-describe-{self._name}")
            if self._info is None or not self._info.available:
                await asyncio.wait({self._refreshing}, timeout=AWAITED_S if is_awaited else DESCRIBE_S)
        return self._info or self._unavailable(f"{self._preset.name} is still starting: ask again in a moment.")

    async def open(self, spec: SessionSpec, recorder: ProcessRecorder) -> Agent:
        """One agent at a time on one native session: two would each hide the other's turns."""
        self._claimed = {known: agent for known, agent in self._claimed.items() if agent is None or not agent.is_over}
        if spec.native_id is not None and spec.native_id in self._claimed:
            raise ProviderFailed(f"This session of {self._preset.name} is open already: use the session that has it.")
        if spec.native_id is not None:
            self._claimed[spec.native_id] = None
        try:
            agent = await self._open(spec, recorder)
        finally:
            if spec.native_id is not None:
                del self._claimed[spec.native_id]
        self._claimed[agent.native_id] = agent
        return agent

    async def close(self) -> None:
        """Nothing is shared between agents."""

    async def _open(self, spec: SessionSpec, recorder: ProcessRecorder) -> "AcpAgent":
        command = await self._find_command()
        open_agent = await asyncio.to_thread(_load_adapter)
        launch = Launch(self._preset.name, command, spec.path, self._environment)
        return await open_agent(spec, launch, recorder, self._start_task, self._preset)

    async def _refresh(self) -> None:
        self._info = await self._ask()
        fresh_s = FRESH_S if self._info.available else RETRY_S
        self._info_until = asyncio.get_running_loop().time() + fresh_s

    async def _ask(self) -> ProviderInfo:
        try:
            async with asyncio.timeout(PROBE_S):
                command = await self._find_command()
                launch = Launch(self._preset.name, command, Path.home(), self._environment)
                ask = await asyncio.to_thread(_load_catalog)
                return await ask(self.id, self._preset, launch, self._start_task)
        except TimeoutError:
            return self._unavailable(
                f"{self._preset.name} did not answer in time: this machine may be busy, try again."
            )
        except ProviderFailed as failure:
            return self._unavailable(str(failure))

    async def _find_command(self) -> tuple[str, ...]:
        command = await asyncio.to_thread(resolve, self._command, self._environment, self._tools)
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


def _load_catalog() -> Callable[[str, Preset, Launch, TaskStarter], Awaitable[ProviderInfo]]:
    from providers.acp.catalog import ask  # noqa: PLC0415 - see `_load_adapter`

    return ask
