"""The scripted agent as a provider: no process, no network, the same events for the same prompts."""

import asyncio
import uuid
from dataclasses import dataclass
from pathlib import Path

from providers.base import Agent, NativeHistory, ProcessRecorder, ProviderFailed, SessionSpec
from providers.scripted.agent import MODES, ScriptedAgent
from providers.scripted.conversation import Conversation, ConversationInvalid, load
from providers.scripted.memory import Memory
from providers.tasks import TaskStarter
from ws.protocol.providers import Mode, Model, ProviderInfo

DEMO = Path(__file__).with_name("demo.json")
FEATURES = [
    "approvals", "fork", "interrupt", "plan", "questions", "resume", "rewind", "servers", "steer", "tasks", "thinking",
]  # fmt: skip

_MODE_NAMES = {
    "plan": ("Plan", "Asks before it writes a file, and presents plans."),
    "ask": ("Ask", "Asks before it writes a file."),
    "accept": ("Accept edits", "Writes files without asking."),
}


@dataclass(frozen=True)
class ScriptedSettings:
    """`file` is a conversation (see `conversation`); None plays the built-in demo."""

    file: Path | None = None


class ScriptedProvider:
    """See :class:`providers.base.Provider`. Sessions are remembered as long as the provider lives."""

    id = "scripted"

    def __init__(self, settings: ScriptedSettings, start_task: TaskStarter) -> None:
        self._file = settings.file or DEMO
        self._start_task = start_task
        self._memories: dict[str, Memory] = {}

    @property
    def history(self) -> NativeHistory | None:
        return None

    async def describe(self, *, is_awaited: bool = False) -> ProviderInfo:
        try:
            name, reason = (await self._conversation()).name, None
        except ProviderFailed as failure:
            name, reason = "Scripted agent", str(failure)
        return ProviderInfo(
            id=self.id,
            name=name,
            tag="SC",
            available=reason is None,
            reason=reason,
            models=[
                Model(id="steady", name="Steady", efforts=["low", "high"], is_default=True),
                Model(id="brisk", name="Brisk", efforts=[], is_default=False),
            ],
            modes=[
                Mode(id=mode, name=name, description=description, risk=False, is_default=mode == "ask")
                for mode, (name, description) in _MODE_NAMES.items()
            ],
            commands=[],
            features=FEATURES,
        )

    async def open(self, spec: SessionSpec, recorder: ProcessRecorder) -> Agent:
        conversation = await self._conversation()
        if spec.mode is not None and spec.mode not in MODES:
            raise ProviderFailed(f"The scripted agent has no mode {spec.mode}: choose one of {', '.join(MODES)}.")
        native_id = spec.native_id or spec.new_native_id or str(uuid.uuid4())
        memory = self._memories.setdefault(native_id, Memory(native_id))
        if spec.fork_of is not None and (origin := self._memories.get(spec.fork_of.native_id)) is not None:
            memory.turns = origin.until(spec.fork_of.anchor)
        if spec.resume_at is not None:
            memory.turns = memory.until(spec.resume_at)
        return ScriptedAgent(spec, conversation, memory, self._start_task)

    async def close(self) -> None:
        """Nothing is shared between agents."""

    async def _conversation(self) -> Conversation:
        """Read anew for each session, so that an author sees changes at once."""
        try:
            return await asyncio.to_thread(load, self._file)
        except ConversationInvalid as error:
            raise ProviderFailed(str(error)) from error
