"""One session of the scripted agent: plays the steps of a turn in a task of its own."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from providers.base import AgentEvent, Decision, GoingBack, Prompt, ProviderFailed, SessionSpec, WentBack
from providers.queue import EventQueue
from providers.scripted.approvals import Waiting
from providers.scripted.conversation import Conversation, Crash, Fail, Step
from providers.scripted.steps import Stage
from providers.tasks import TaskStarter
from ws.protocol.events import NativeIdKnown, TurnEnded, Usage

MODES = ("ask", "accept", "plan")
MODELS = (None, "steady", "brisk")
DIED = "The scripted agent died, as its script says: the next prompt resumes the session."

_END_S = 2.0


@dataclass
class Memory:
    """What a session remembers over agents that resume it."""

    native_id: str
    prompts: list[str] = field(default_factory=list)


class ScriptedAgent:
    """See :class:`providers.base.Agent`."""

    def __init__(self, spec: SessionSpec, conversation: Conversation, memory: Memory, start_task: TaskStarter) -> None:
        self._conversation = conversation
        self._memory = memory
        self._start_task = start_task
        self._is_native_id_told = spec.native_id == memory.native_id
        self._queue = EventQueue()
        self._waiting = Waiting(self._queue.put_now)
        self._stage = Stage(spec.path, memory, self._queue, self._waiting, spec.mode or "ask")
        self._playing: asyncio.Task[None] | None = None
        self._is_dead = False

    def events(self) -> AsyncIterator[AgentEvent]:
        return self._queue.read()

    async def prompt(self, prompt: Prompt) -> None:
        if self._is_dead:
            raise ProviderFailed(DIED)
        steps = self._conversation.turn(prompt.text, len(self._memory.prompts))
        self._memory.prompts.append(prompt.text)
        self._stage.begin(prompt.message_id)
        self._playing = self._start_task(self._play(steps), name=f"scripted-{self._memory.native_id}")
        await asyncio.sleep(0)  # let it begin: a task that is cancelled before would not end its turn

    async def interrupt(self) -> None:
        if self._playing is not None:
            self._playing.cancel()

    async def answer(self, approval: str, decision: Decision) -> None:
        self._waiting.answer(approval, decision)

    async def set_model(self, model: str | None, effort: str | None) -> None:
        if model not in MODELS:
            raise ProviderFailed(f"The scripted agent has no model {model}: choose steady or brisk.")

    async def set_mode(self, mode: str) -> None:
        if mode not in MODES:
            raise ProviderFailed(f"The scripted agent has no mode {mode}: choose one of {', '.join(MODES)}.")
        self._stage.mode = mode

    async def steer(self, prompt: Prompt) -> bool:
        return False

    async def stop_task(self, task: str) -> None:
        raise KeyError(task)

    async def go_back(self, to: GoingBack) -> WentBack:
        raise ProviderFailed("The scripted agent cannot go back.")

    async def close(self) -> None:
        self._is_dead = True
        if self._playing is not None and not self._playing.done():
            self._playing.cancel()
            await asyncio.wait({self._playing}, timeout=_END_S)
        self._queue.close()

    async def _play(self, steps: list[Step]) -> None:
        """A turn; whatever happens, its last event is TurnEnded."""
        ended = TurnEnded(stop_reason="cancelled")
        try:
            if not self._is_native_id_told:
                self._is_native_id_told = True
                await self._queue.put(NativeIdKnown(native_id=self._memory.native_id))
            ended = await self._play_steps(steps)
        finally:
            self._stage.close_call()
            self._queue.put_now(ended)
            if self._is_dead:
                self._queue.close(ProviderFailed(DIED) if ended.stop_reason == "error" else None)

    async def _play_steps(self, steps: list[Step]) -> TurnEnded:
        for step in steps:
            match step:
                case Fail():
                    return TurnEnded(stop_reason="error", error=step.error)
                case Crash():
                    self._is_dead = True
                    return TurnEnded(stop_reason="error", error=DIED)
                case _:
                    await self._stage.play(step)
        turns = len(self._memory.prompts)
        await self._queue.put(Usage(input_tokens=100 * turns, output_tokens=10 * turns))
        return TurnEnded(stop_reason="end_turn")
