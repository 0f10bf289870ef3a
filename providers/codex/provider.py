"""Codex as a provider: the shared app-server, or `codex exec` for a CLI that has none."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from providers.base import Agent, NativeHistory, ProcessRecorder, ProviderFailed, SessionSpec
from providers.claims import Claims
from providers.codex import catalog, errors
from providers.codex.agent import CodexAgent
from providers.codex.exec_agent import ExecAgent, version_of
from providers.codex.history import CodexHistory
from providers.codex.locate import APP_SERVER, EXEC, Found, find
from providers.codex.modes import RULES
from providers.codex.opening import open_agent
from providers.codex.rpc import CallRefused
from providers.codex.server import AppServer, NoAppServer
from providers.description import Description
from providers.environment import child_environment
from providers.program import Launch
from providers.tasks import TaskStarter
from ws.protocol.providers import ProviderInfo


@dataclass(frozen=True)
class CodexSettings:
    """`command`: program and first arguments, empty for what is found; ending in `exec` it demands `codex exec`.

    `env` is added to the environment of every CLI. `tools` is a folder of npm installations that is searched last.
    """

    command: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    tools: Path | None = None


class CodexProvider:
    """See :class:`providers.base.Provider`. `environment` is the node's own."""

    id = "codex"

    def __init__(self, settings: CodexSettings, environment: Mapping[str, str], start_task: TaskStarter) -> None:
        self._settings = settings
        self._environment = child_environment(environment, settings.env)
        self._history = CodexHistory(self._environment)
        self._start_task = start_task
        self._server = AppServer(self._launch, start_task)
        self._why_exec: str | None = None
        self._description = Description("Codex", self._ask, catalog.unavailable, start_task)
        self._claims: Claims[CodexAgent | ExecAgent] = Claims("Codex")

    @property
    def history(self) -> NativeHistory:
        return self._history

    async def describe(self, *, is_awaited: bool = False) -> ProviderInfo:
        return await self._description.get(is_awaited=is_awaited)

    async def open(self, spec: SessionSpec, recorder: ProcessRecorder) -> Agent:
        if spec.mode is not None and spec.mode not in RULES:
            raise ProviderFailed(f"Codex has no mode {spec.mode}: choose one of {', '.join(RULES)}.")
        if not await asyncio.to_thread(spec.path.is_dir):
            raise ProviderFailed(f"The folder {spec.path} is gone: choose another one.")
        return await self._claims.open(spec.native_id, lambda: self._open(spec, recorder))

    async def close(self) -> None:
        self._history.close()
        await self._server.close()

    async def _open(self, spec: SessionSpec, recorder: ProcessRecorder) -> CodexAgent | ExecAgent:
        found = await self._find()
        if not await self._has_app_server(found):
            return ExecAgent(spec, found.command, self._environment, recorder, self._start_task)
        try:
            connection = await self._server.acquire(recorder)
        except NoAppServer as failure:
            await self._fall_back(found, failure)
            return ExecAgent(spec, found.command, self._environment, recorder, self._start_task)
        try:
            return await open_agent(spec, self._server, connection, found.command, self._start_task)
        except BaseException:
            self._server.release()
            raise

    async def _has_app_server(self, found: Found) -> bool:
        """As far as is known: whether it has shows when it is started."""
        if found.forced == EXEC:
            self._why_exec = "the configuration demands it (providers.codex.command)"
        return self._why_exec is None

    async def _fall_back(self, found: Found, failure: NoAppServer) -> None:
        """Only for a CLI that works otherwise. Raises :class:`ProviderFailed`."""
        version = await version_of(found.command, self._environment, self._start_task)
        if found.forced == APP_SERVER or version is None:
            raise ProviderFailed(f"Codex's app-server does not start ({failure}): {errors.BY_HAND}.") from failure
        self._why_exec = f"Codex {version} has no app-server that works ({failure})"

    async def _ask(self) -> ProviderInfo:
        """Raises :class:`ProviderFailed` and TimeoutError."""
        found = await self._find()
        self._why_exec = None  # the machine may have been busy, or the CLI has been updated
        if await self._has_app_server(found):
            try:
                return await self._ask_app_server(found)
            except NoAppServer as failure:
                await self._fall_back(found, failure)
        return await self._ask_exec(found)

    async def _ask_app_server(self, found: Found) -> ProviderInfo:
        connection = await self._server.acquire()
        try:
            return await catalog.ask(connection, found.command, self._server.version)
        except CallRefused as refusal:
            raise ProviderFailed(f"Codex would not say what it can do ({refusal}): {errors.BY_HAND}.") from refusal
        finally:
            self._server.release()

    async def _ask_exec(self, found: Found) -> ProviderInfo:
        version = await version_of(found.command, self._environment, self._start_task)
        if version is None:
            raise ProviderFailed(f"Codex does not start: {errors.BY_HAND}.")
        note = f"By `codex exec`, which cannot ask or take messages while it works: {self._why_exec}."
        return catalog.reduced(version, note)

    async def _find(self) -> Found:
        found = await asyncio.to_thread(find, self._settings.command, self._environment, self._settings.tools)
        if found is None:
            raise ProviderFailed(errors.NOT_INSTALLED)
        return found

    async def _launch(self) -> Launch:
        found = await self._find()
        return Launch("Codex", found.command, Path.home(), self._environment, ("app-server",))
