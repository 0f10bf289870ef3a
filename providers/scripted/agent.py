"""One session of the scripted agent: plays the steps of a turn in a task of its own."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable

from providers.base import AgentEvent, AgentGone, Decision, GoingBack, Prompt, ProviderFailed, SessionSpec, WentBack
from providers.queue import EventQueue
from providers.scripted.approvals import Waiting
from providers.scripted.background import BackgroundTasks
from providers.scripted.conversation import Background, Conversation, Crash, Fail, Say, Step
from providers.scripted.memory import Memory, restore
from providers.scripted.steps import Stage
from providers.tasks import TaskStarter
from ws.protocol.events import NativeIdKnown, TurnEnded, TurnStarted, Usage

MODES = ("ask", "accept", "plan")
MODELS = (None, "steady", "brisk")
DIED = "The scripted agent died, as its script says: the next prompt resumes the session."
FORGOTTEN = "The scripted agent knows which files it wrote only while the node runs: go back without the files."

_END_S = 2.0


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
        self._background = BackgroundTasks(
            conversation.servers, start_task, emit=self._queue.put_now, speak=self._speak_up
        )
        self._turns = asyncio.Lock()
        self._steps: deque[Step] | None = None
        self._playing: asyncio.Task[None] | None = None
        self._is_dead = False

    def events(self) -> AsyncIterator[AgentEvent]:
        return self._queue.read()

    async def prompt(self, prompt: Prompt) -> None:
        if self._is_dead:
            raise AgentGone(DIED)
        self._playing = self._start_task(self._play(prompt), name=f"scripted-{self._memory.native_id}")
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
        """Its steps follow those of the running turn; a `hold` ends."""
        if self._steps is None:
            return False
        self._steps.extend(self._conversation.turn(prompt.text, len(self._memory.turns)))
        self._memory.steered(prompt.text)
        self._stage.go_on()
        return True

    async def stop_task(self, task: str) -> None:
        self._background.stop(task)

    async def go_back(self, to: GoingBack) -> WentBack:
        """Without memory (the node has been started anew) what was said can be undone, and what was written not."""
        is_known = self._memory.knows(to.message_id)
        if to.code and not is_known:
            raise ProviderFailed(FORGOTTEN)
        texts = self._memory.texts_before(to.message_id) if to.code else {}
        try:
            files = await asyncio.to_thread(restore, texts, is_dry_run=to.is_dry_run)
        except OSError as error:
            raise ProviderFailed(f"{error.filename} could not be put back: {error.strerror}.") from error
        return WentBack(files, None if to.before is None else self._memory.native_id, to.before)

    async def close(self) -> None:
        self._is_dead = True
        self._background.close()
        if self._playing is not None and not self._playing.done():
            self._playing.cancel()
            await asyncio.wait({self._playing}, timeout=_END_S)
        self._queue.close()

    async def _play(self, prompt: Prompt) -> None:
        """A turn; whatever happens, its last event is TurnEnded."""
        ended = TurnEnded(stop_reason="cancelled")
        try:
            async with self._turns:
                steps = self._conversation.turn(prompt.text, len(self._memory.turns))
                anchor = self._stage.begin(prompt.message_id, prompt.text)
                ended = TurnEnded(stop_reason="cancelled", anchor=anchor)
                if not self._is_native_id_told:
                    self._is_native_id_told = True
                    await self._queue.put(NativeIdKnown(native_id=self._memory.native_id))
                ended = await self._play_steps(steps, anchor)
        finally:
            self._steps = None
            self._stage.close_call()
            self._queue.put_now(ended)
            if self._is_dead:
                self._queue.close(ProviderFailed(DIED) if ended.stop_reason == "error" else None)

    async def _play_steps(self, steps: Iterable[Step], anchor: str) -> TurnEnded:
        self._steps = deque(steps)
        while self._steps:
            match self._steps.popleft():
                case Fail(error=error):
                    return TurnEnded(stop_reason="error", error=error, anchor=anchor)
                case Crash():
                    self._is_dead = True
                    return TurnEnded(stop_reason="error", error=DIED, anchor=anchor)
                case Background() as step:
                    self._background.begin(self._stage.new_id(), step)
                case step:
                    await self._stage.play(step)
        self._steps = None  # from here on a prompt comes too late to steer
        prompts = len(self._memory.prompts)
        await self._queue.put(Usage(input_tokens=100 * prompts, output_tokens=10 * prompts))
        return TurnEnded(stop_reason="end_turn", anchor=anchor)

    async def _speak_up(self, name: str, text: str) -> None:
        """A turn that nobody asked for."""
        async with self._turns:
            if self._is_dead:
                return
            await self._queue.put(TurnStarted())
            anchor = self._stage.begin(name, "")
            await self._stage.play(Say(text=text))
            await self._queue.put(TurnEnded(stop_reason="end_turn", anchor=anchor))
