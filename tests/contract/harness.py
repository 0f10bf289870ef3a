"""The agents that the contract is held against, each told what to do in the same steps."""

import json
import os
import signal
import sys
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from providers.base import AgentProcess, ProcessRecorder, Provider, SessionSpec
from providers.claude.provider import ClaudeProvider, ClaudeSettings
from providers.scripted.conversation import Background, Conversation, Step, Todo, Turn
from providers.scripted.provider import ScriptedProvider, ScriptedSettings
from providers.tasks import TaskStarter
from tests.contract.commands import prompt_of
from tests.contract.driver import Driver
from tests.support.model_server import ModelServer


class Harness(Protocol):
    """What a test of the contract knows of an agent. Scripts are made before the session that plays them is opened."""

    folder: Path
    asks: str
    accepts: str
    plans: str
    other_model: str

    @property
    def provider(self) -> Provider: ...

    def script(self, *steps: Step) -> str:
        """The prompt that makes the agent do this."""
        ...

    async def open(self, *, native_id: str | None = None, mode: str | None = None) -> Driver: ...

    def kill(self) -> None:
        """End the agent's process without a word."""
        ...


@dataclass
class ScriptedHarness:
    folder: Path
    file: Path
    start_task: TaskStarter
    asks: str = "ask"
    accepts: str = "accept"
    plans: str = "plan"
    other_model: str = "brisk"
    turns: list[Turn] = field(default_factory=list)
    provider: Provider = field(init=False)

    def __post_init__(self) -> None:
        self.provider = ScriptedProvider(ScriptedSettings(self.file), self.start_task)

    def script(self, *steps: Step) -> str:
        prompt = f"play turn {len(self.turns)}"
        self.turns.append(Turn(prompt=prompt, steps=list(steps)))
        self.file.write_bytes(msgspec.json.encode(Conversation(turns=self.turns)))
        return prompt

    async def open(self, *, native_id: str | None = None, mode: str | None = None) -> Driver:
        new = None if native_id else str(uuid.uuid4())
        spec = SessionSpec(path=self.folder, mode=mode, native_id=native_id, new_native_id=new)
        return Driver(await self.provider.open(spec, ProcessRecorder()))

    def kill(self) -> None:
        """It has no process: its script says when it dies."""


@dataclass
class ClaudeHarness:
    """The real CLI of the SDK's wheel on the scripted model."""

    folder: Path
    home: Path
    server: ModelServer
    start_task: TaskStarter
    asks: str = "default"
    accepts: str = "acceptEdits"
    plans: str = "plan"
    other_model: str = "claude-opus-5-5"
    command: Sequence[str] = ()
    started: list[AgentProcess] = field(default_factory=list)
    ended: list[AgentProcess] = field(default_factory=list)
    extra: dict[str, str] = field(default_factory=dict)
    on_start: Callable[[], None] = lambda: None
    _provider: ClaudeProvider | None = None

    @property
    def provider(self) -> ClaudeProvider:
        if self._provider is None:
            environment = claude_environment(self.server, self.home) | self.extra
            self._provider = ClaudeProvider(ClaudeSettings(self.command), environment, self.start_task)
        return self._provider

    def script(self, *steps: Step) -> str:
        return prompt_of(steps, self.folder, background=_background, todo=_todo)

    async def open(self, *, native_id: str | None = None, mode: str | None = None) -> Driver:
        spec = SessionSpec(
            path=self.folder,
            model="claude-sonnet-4-5",
            mode=mode,
            native_id=native_id,
            new_native_id=None if native_id else str(uuid.uuid4()),
        )
        return Driver(await self.provider.open(spec, ProcessRecorder(self._started, self.ended.append)))

    def _started(self, process: AgentProcess) -> None:
        self.started.append(process)
        self.on_start()

    def kill(self) -> None:
        os.kill(self.started[-1].pid, signal.SIGKILL)


def _background(step: Background) -> str:
    wait = f"import time; time.sleep({(step.ends_after_ms or 60_000) / 1000})"
    command = {"command": f"python3 -c '{wait}'", "description": step.title, "run_in_background": True}
    return f"tool Bash {json.dumps(command)}"


def _todo(step: Todo) -> str:
    return f"todo {'|'.join(step.entries)}"


def claude_environment(server: ModelServer, home: Path) -> dict[str, str]:
    """All that a CLI needs to talk to the scripted model and to nothing else."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "ANTHROPIC_BASE_URL": server.url,
        "ANTHROPIC_API_KEY": "sk-ant-scripted",
        "CLAUDE_CONFIG_DIR": str(home / ".claude"),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_MAX_RETRIES": "1",
        "IS_SANDBOX": "1",
    }
