"""An ACP agent for the contract: a scripted one, in a process of its own."""

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from providers.acp.provider import AcpProvider, AcpSettings
from providers.base import AgentProcess, ForkOf, ProcessRecorder, SessionSpec
from providers.scripted.conversation import Step
from providers.tasks import TaskStarter
from tests.contract.driver import Driver

AGENT = Path(__file__).parents[1] / "support" / "acp_agent.py"


@dataclass
class AcpHarness:
    """`variants` are the words of `tests/support/acp_agent.py`."""

    folder: Path
    store: Path
    start_task: TaskStarter
    variants: Sequence[str] = ()
    asks: str = "ask"
    accepts: str = "accept-edits"
    plans: str = "plan"
    other_model: str = "brisk"
    started: list[AgentProcess] = field(default_factory=list)
    ended: list[AgentProcess] = field(default_factory=list)
    _provider: AcpProvider | None = None

    @property
    def provider(self) -> AcpProvider:
        if self._provider is None:
            self.store.mkdir(exist_ok=True)
            command = (sys.executable, "-S", str(AGENT), str(self.store), *self.variants)
            settings = AcpSettings(command=command, env={"LANG": "C.UTF-8"})
            self._provider = AcpProvider("heron", settings, {"PATH": os.defpath}, self.start_task)
        return self._provider

    def script(self, *steps: Step) -> str:
        return msgspec.json.encode(steps).decode()

    async def open(
        self, *, native_id: str | None = None, mode: str | None = None, fork_of: str | None = None
    ) -> Driver:
        forked = ForkOf(fork_of) if fork_of else None
        spec = SessionSpec(path=self.folder, mode=mode, native_id=native_id, fork_of=forked)
        return Driver(await self.provider.open(spec, ProcessRecorder(self.started.append, self.ended.append)))

    def kill(self) -> None:
        os.kill(self.started[-1].pid, signal.SIGKILL)
