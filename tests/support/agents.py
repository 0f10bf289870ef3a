"""An agent that does what a test tells it, behind the same seam as the real ones."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from providers.base import (
    Agent,
    AgentEvent,
    AgentGone,
    Decision,
    GoingBack,
    NativeHistory,
    ProcessRecorder,
    Prompt,
    ProviderFailed,
    SessionSpec,
    WentBack,
)
from providers.queue import EventQueue
from ws.protocol.events import AgentMessage, ApprovalOption, ApprovalRequested, ApprovalResolved, TurnEnded
from ws.protocol.providers import Mode, ProviderInfo

MODES = ("plan", "ask", "edit", "free")
OPTIONS = [
    ApprovalOption(id="yes", name="Allow once", kind="allow_once"),
    ApprovalOption(id="session", name="Allow for this session", kind="allow_session"),
    ApprovalOption(id="no", name="Deny", kind="reject_once"),
]


def approval(name: str, *, options: list[ApprovalOption] | None = None) -> ApprovalRequested:
    """An approval with OPTIONS unless others are given."""
    return ApprovalRequested(
        approval=name, kind="tool", title="Run make", input={"command": "make"}, options=options or OPTIONS
    )


class FakeAgent:
    """Records what it is told; `say`, `end` and `die` are the test's.

    One that `is_gone` takes no prompts, and its end has not been noticed.
    """

    def __init__(self, spec: SessionSpec, provider: "FakeProvider") -> None:
        self.spec = spec
        self.prompts: list[Prompt] = []
        self.answers: dict[str, Decision] = {}
        self.modes: list[str] = []
        self.models: list[tuple[str | None, str | None]] = []
        self.interrupts = 0
        self.steered: list[Prompt] = []
        self.stopped: list[str] = []
        self.went_back: list[GoingBack] = []
        self.is_closed = False
        self.is_gone = False
        self.is_running = False
        self.waiting: set[str] = set()
        self._provider = provider
        self._queue = EventQueue()

    async def say(self, *events: AgentEvent) -> None:
        """Yield events."""
        for event in events:
            if isinstance(event, ApprovalRequested):
                self.waiting.add(event.approval)
            await self._queue.put(event)

    async def end(self, ended: TurnEnded | None = None) -> None:
        """End the turn, withdrawing what is still asked."""
        self.is_running = False
        for name in sorted(self.waiting):
            await self._queue.put(ApprovalResolved(approval=name, outcome="withdrawn"))
        self.waiting.clear()
        await self._queue.put(ended or TurnEnded(stop_reason="end_turn"))

    def die(self, why: str = "The fake agent has died; the next prompt resumes the session.") -> None:
        """Without a word more."""
        self._close(ProviderFailed(why))

    def events(self) -> AsyncIterator[AgentEvent]:
        return self._queue.read()

    async def prompt(self, prompt: Prompt) -> None:
        if self.is_closed or self.is_gone:
            raise AgentGone("The fake agent is gone.")
        assert not self.is_running, "a prompt came while a prompted turn runs"
        if self._provider.prompt_gate is not None:
            self._provider.prompting.set()
            await self._provider.prompt_gate.wait()
        self.is_running = True
        self.prompts.append(prompt)
        self._provider.prompted.set()
        if self._provider.is_eager:
            await self.say(AgentMessage(message_id=f"{prompt.message_id}-reply", text=f"Did {prompt.text}"))
            await self.end()

    async def interrupt(self) -> None:
        self.interrupts += 1
        if self._provider.is_deaf:
            return
        if self.is_running:
            await self.end(TurnEnded(stop_reason="cancelled"))

    async def answer(self, approval: str, decision: Decision) -> None:
        self.waiting.remove(approval)
        self.answers[approval] = decision

    async def set_model(self, model: str | None, effort: str | None) -> None:
        self.models.append((model, effort))

    async def set_mode(self, mode: str) -> None:
        if mode in self._provider.refused_modes:
            raise ProviderFailed(f"The fake agent does not want mode {mode}.")
        self.modes.append(mode)

    async def steer(self, prompt: Prompt) -> bool:
        if self._provider.steer_gate is not None:
            self._provider.steering.set()
            await self._provider.steer_gate.wait()
        if not self._provider.is_steerable:
            return False
        self.steered.append(prompt)
        return True

    async def stop_task(self, task: str) -> None:
        if task not in self._provider.tasks:
            raise KeyError(task)
        self.stopped.append(task)

    async def go_back(self, to: GoingBack) -> WentBack:
        self.went_back.append(to)
        if isinstance(self._provider.going_back, ProviderFailed):
            raise self._provider.going_back
        return self._provider.going_back

    async def close(self) -> None:
        self._close(None)

    def _close(self, failure: ProviderFailed | None) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._provider.live -= 1
        self._queue.close(failure)


@dataclass
class FakeProvider:
    """Opens fake agents.

    `failure` makes opening fail, `gate` makes it wait, `prompt_gate` each prompt, `steer_gate` each that steers
    (which an agent takes that `is_steerable`). `going_back` is the answer to that, `native` its own sessions.
    `is_eager` agents answer at once, `is_deaf` ones ignore interrupts. One that `is_starting` is available to those
    who wait for it only. `live` counts agents not yet closed.
    """

    id: str = "fake"
    is_eager: bool = False
    is_deaf: bool = False
    is_starting: bool = False
    failure: str | None = None
    reason: str | None = None
    gate: asyncio.Event | None = None
    prompt_gate: asyncio.Event | None = None
    steer_gate: asyncio.Event | None = None
    is_steerable: bool = False
    tasks: set[str] = field(default_factory=set)
    features: list[str] = field(default_factory=list)
    going_back: WentBack | ProviderFailed = field(default_factory=lambda: WentBack(files=[], native_id=None))
    native: NativeHistory | None = None
    modes: tuple[str, ...] = MODES
    refused_modes: set[str] = field(default_factory=set)
    agents: list[FakeAgent] = field(default_factory=list)
    prompted: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    prompting: asyncio.Event = field(default_factory=asyncio.Event)
    steering: asyncio.Event = field(default_factory=asyncio.Event)
    live: int = 0
    recorder: ProcessRecorder = field(default_factory=ProcessRecorder)

    @property
    def history(self) -> NativeHistory | None:
        return self.native

    @property
    def agent(self) -> FakeAgent:
        """The newest."""
        return self.agents[-1]

    async def describe(self, *, is_awaited: bool = False) -> ProviderInfo:
        reason = self.reason or ("still starting" if self.is_starting and not is_awaited else None)
        return ProviderInfo(
            id=self.id,
            name="Fake",
            tag="FA",
            available=reason is None,
            reason=reason,
            models=[],
            modes=[
                Mode(id=mode, name=mode, description="", risk=mode == "free", is_default=mode == "ask")
                for mode in self.modes
            ],
            commands=[],
            features=self.features,
        )

    async def open(self, spec: SessionSpec, recorder: ProcessRecorder) -> Agent:
        self.recorder = recorder
        self.opened.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise ProviderFailed(self.failure)
        assert self.live == 0 or self.agents[-1].spec.path != spec.path, "two live agents on one session"
        agent = FakeAgent(spec, self)
        self.agents.append(agent)
        self.live += 1
        return agent

    async def close(self) -> None:
        """Nothing is shared."""


class FakeCatalog:
    """The agents of a node: these."""

    def __init__(self, *providers: FakeProvider) -> None:
        self._providers = {provider.id: provider for provider in providers}

    @property
    def ids(self) -> list[str]:
        return list(self._providers)

    def get(self, provider: str) -> FakeProvider | None:
        return self._providers.get(provider)

    async def describe(self) -> list[ProviderInfo]:
        return [await provider.describe() for provider in self._providers.values()]
