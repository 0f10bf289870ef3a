"""Codex for the contract: the real CLI from `.tools` on the scripted model."""

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from config import PROGRAM_FOLDER
from providers.base import AgentProcess, ForkOf, ProcessRecorder, SessionSpec
from providers.codex.provider import CodexProvider, CodexSettings
from providers.scripted.conversation import Background, Step, Todo
from providers.tasks import TaskStarter
from tests.contract.commands import prompt_of
from tests.contract.driver import Driver
from tests.support.model_server import ModelServer

TOOLS = PROGRAM_FOLDER / ".tools"
NEWEST = (str(TOOLS / "codex" / "node_modules" / ".bin" / "codex"),)
OLDER = (str(TOOLS / "codex-older" / "node_modules" / ".bin" / "codex"),)

CONFIG = """
model = "gpt-5.5"
model_provider = "scripted"
check_for_update_on_startup = false
suppress_unstable_features_warning = true
[features]
default_mode_request_user_input = true
[tools.update_plan]
enabled = true
[model_providers.scripted]
name = "Scripted"
base_url = "{url}/v1"
env_key = "SCRIPTED_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 1
[analytics]
enabled = false
[feedback]
enabled = false
"""
"""A model that gets its tools as plain ones; questions and lists of tasks are switched on for every mode."""


@dataclass
class CodexHarness:
    """`command` is the CLI, with `exec` behind it for that way of use."""

    folder: Path
    home: Path
    server: ModelServer
    start_task: TaskStarter
    asks: str = "ask"
    accepts: str = "auto"
    plans: str = "plan"
    other_model: str = "gpt-5.2"
    command: Sequence[str] = NEWEST
    model: str | None = None
    config: str = ""
    extra: dict[str, str] = field(default_factory=dict)
    started: list[AgentProcess] = field(default_factory=list)
    ended: list[AgentProcess] = field(default_factory=list)
    _provider: CodexProvider | None = None

    @property
    def provider(self) -> CodexProvider:
        if self._provider is None:
            environment = codex_environment(self.server, self.home, self.config) | self.extra
            self._provider = CodexProvider(CodexSettings(self.command), environment, self.start_task)
        return self._provider

    def script(self, *steps: Step) -> str:
        return prompt_of(steps, self.folder, background=_background, todo=_todo)

    async def open(self, *, native_id: str | None = None, mode: str | None = None) -> Driver:
        return await self.open_as(SessionSpec(path=self.folder, model=self.model, mode=mode, native_id=native_id))

    async def fork(self, native_id: str, anchor: str | None) -> Driver:
        return await self.open_as(SessionSpec(path=self.folder, fork_of=ForkOf(native_id, anchor)))

    async def open_as(self, spec: SessionSpec) -> Driver:
        recorder = ProcessRecorder(self.started.append, self.ended.append)
        return Driver(await self.provider.open(spec, recorder))

    def kill(self) -> None:
        os.kill(self.started[-1].pid, signal.SIGKILL)


def _background(step: Background) -> str:
    wait = f"python3 -c 'import time; time.sleep({(step.ends_after_ms or 60_000) / 1000})'"
    return f'tool exec_command {{"cmd":"{wait}","yield_time_ms":250}}'


def _todo(step: Todo) -> str:
    entries = ",".join(f'{{"step":"{entry}","status":"pending"}}' for entry in step.entries)
    return f'tool update_plan {{"plan":[{entries}]}}'


def codex_environment(server: ModelServer, home: Path, config: str = "") -> dict[str, str]:
    """All that a CLI needs to talk to the scripted model and to nothing else; writes its configuration."""
    codex_home = home / ".codex"
    codex_home.mkdir(exist_ok=True)
    (codex_home / "config.toml").write_text(CONFIG.format(url=server.url) + config)
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "CODEX_HOME": str(codex_home),
        "SCRIPTED_KEY": "scripted",
    }
