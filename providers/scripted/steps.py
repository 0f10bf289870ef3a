"""What each step of a scripted turn does."""

import asyncio
from itertools import count
from pathlib import Path
from typing import Protocol

from providers.base import Decision
from providers.bounds import parts
from providers.queue import EventQueue
from providers.scripted.approvals import (
    PLAN_OPTIONS,
    QUESTION_ID,
    QUESTION_OPTIONS,
    TOOL_OPTIONS,
    Waiting,
    question_of,
)
from providers.scripted.conversation import Ask, Hold, Plan, Playable, Recall, Retry, Run, Say, Think, Todo, Write
from providers.scripted.memory import text_of
from ws.protocol.events import (
    AgentMessage,
    AgentThought,
    ApprovalKind,
    ApprovalOption,
    ApprovalRequested,
    Delta,
    DiffContent,
    ModeChanged,
    Notice,
    PlanEntry,
    Question,
    TextContent,
    ToolCall,
    ToolCallUpdate,
    ToolContent,
    ToolKind,
    ToolStatus,
)
from ws.protocol.events import Plan as PlanEvent


class Remembered(Protocol):
    """The part of a session's memory that steps use."""

    @property
    def native_id(self) -> str: ...
    @property
    def prompts(self) -> list[str]: ...
    def begin(self, message_id: str, text: str) -> str: ...
    def wrote(self, path: Path, before: str | None) -> None: ...


class Stage:
    """Plays steps into the queue. `mode` is `ask`, `accept` or `plan`."""

    def __init__(self, folder: Path, memory: Remembered, queue: EventQueue, waiting: Waiting, mode: str) -> None:
        self.mode = mode
        self._turn = ""
        self._folder = folder
        self._memory = memory
        self._queue = queue
        self._waiting = waiting
        self._answer = ""
        self._open_call: str | None = None
        self._numbers = count(1)
        self._is_released = asyncio.Event()

    def begin(self, message_id: str, text: str) -> str:
        """The turn of this prompt begins; returns its anchor."""
        self._turn = self._memory.begin(message_id, text)
        self._is_released.clear()
        return self._turn

    def go_on(self) -> None:
        """Whatever holds the turn holds it no more."""
        self._is_released.set()

    def new_id(self) -> str:
        """Unique in the session, and the same each time it is played."""
        return f"{self._turn}-{next(self._numbers)}"

    async def play(self, step: Playable) -> None:
        match step:
            case Say():
                await self._say(step.text.replace("{answer}", self._answer), step.pieces, step.pause_ms)
            case Recall():
                await self._say("I remember: " + " / ".join(self._memory.prompts[:-1]))
            case Think():
                await self._think(step.text)
            case Run():
                await self._run(step)
            case Write():
                await self._write(step)
            case Ask():
                await self._ask(step)
            case Plan():
                await self._plan(step)
            case Todo() | Retry():
                await self._queue.put(_told(step))
            case Hold():
                await self._is_released.wait()
                self._is_released.clear()

    def close_call(self) -> None:
        """The turn is over: what is still open has failed."""
        if self._open_call is not None:
            self._queue.put_now(ToolCallUpdate(tool_call_id=self._open_call, status="failed", content=[]))
            self._open_call = None

    async def _think(self, text: str) -> None:
        message_id = self.new_id()
        await self._queue.put(Delta(message_id=message_id, kind="thought", offset=0, text=text))
        await self._queue.put(AgentThought(message_id=message_id, text=text))

    async def _say(self, text: str, pieces: int = 1, pause_ms: int = 0) -> None:
        message_id = self.new_id()
        size = max(1, -(-len(text) // max(1, pieces)))
        for offset in range(0, len(text), size):
            if pause_ms:
                await asyncio.sleep(pause_ms / 1000)
            piece = text[offset : offset + size]
            await self._queue.put(Delta(message_id=message_id, kind="text", offset=offset, text=piece))
        for piece, part in parts(text):
            await self._queue.put(AgentMessage(message_id=message_id, text=piece, part=part))

    async def _run(self, step: Run) -> None:
        call_id = await self._call("run", "execute", step.command, {"command": step.command})
        if step.asks and not await self._is_allowed(call_id, step.command, {"command": step.command}):
            await self._close(call_id, [TextContent(text="The user declined this.")], is_done=False)
            return
        if step.holds:
            await asyncio.Event().wait()
        await self._close(call_id, [TextContent(text=step.output)], is_done=True)

    async def _write(self, step: Write) -> None:
        """Inside the folder only: a script is not trusted with more than what it is shown to do."""
        path = await asyncio.to_thread(_inside, self._folder, step.path)
        shown = {"path": step.path, "text": step.text}
        call_id = await self._call("write", "edit", f"Write {step.path}", shown)
        if path is None:
            await self._close(call_id, [TextContent(text=f"{step.path} is outside the folder.")], is_done=False)
            return
        old_text = await asyncio.to_thread(text_of, path)
        diff = DiffContent(path=str(path), old_text=old_text, new_text=step.text)
        await self._queue.put(ToolCallUpdate(tool_call_id=call_id, status="in_progress", content=[diff]))
        if self.mode != "accept" and not await self._is_allowed(call_id, f"Write {step.path}", shown):
            await self._close(call_id, [TextContent(text="The user declined this.")], is_done=False)
            return
        try:
            await asyncio.to_thread(_put_text, path, step.text)
        except OSError as error:
            await self._close(call_id, [TextContent(text=f"{step.path}: {error.strerror}")], is_done=False)
        else:
            self._memory.wrote(path, old_text)
            await self._close(call_id, [diff], is_done=True)

    async def _ask(self, step: Ask) -> None:
        decision = await self._wait_for("question", step.question, {}, QUESTION_OPTIONS, questions=[question_of(step)])
        answer = (decision.answers or {}).get(QUESTION_ID, "")
        self._answer = answer if isinstance(answer, str) else ", ".join(answer)

    async def _plan(self, step: Plan) -> None:
        decision = await self._wait_for("plan", "Present the plan", {"plan": step.text}, PLAN_OPTIONS)
        mode = {"start": "ask", "start-accepting": "accept"}.get(decision.option)
        if mode is not None and mode != self.mode:
            self.mode = mode
            await self._queue.put(ModeChanged(mode=mode))

    async def _is_allowed(self, call_id: str, title: str, shown: dict[str, str]) -> bool:
        decision = await self._wait_for("tool", title, shown, TOOL_OPTIONS, call_id=call_id)
        if decision.option == "allow-session":
            self.mode = "accept"
            await self._queue.put(ModeChanged(mode="accept"))
        return decision.option != "reject"

    async def _wait_for(
        self,
        kind: ApprovalKind,
        title: str,
        shown: dict[str, str],
        options: list[ApprovalOption],
        *,
        call_id: str | None = None,
        questions: list[Question] | None = None,
    ) -> Decision:
        return await self._waiting.ask(
            ApprovalRequested(
                approval=self.new_id(),
                kind=kind,
                title=title,
                input=dict(shown),
                options=options,
                tool_call_id=call_id,
                questions=questions,
            )
        )

    async def _call(self, name: str, kind: ToolKind, title: str, shown: dict[str, str]) -> str:
        self._open_call = call_id = self.new_id()
        await self._queue.put(ToolCall(tool_call_id=call_id, name=name, kind=kind, title=title, input=dict(shown)))
        return call_id

    async def _close(self, call_id: str, content: list[ToolContent], *, is_done: bool) -> None:
        self._open_call = None
        status: ToolStatus = "completed" if is_done else "failed"
        await self._queue.put(ToolCallUpdate(tool_call_id=call_id, status=status, content=content))


def _told(step: Todo | Retry) -> PlanEvent | Notice:
    if isinstance(step, Todo):
        return PlanEvent(entries=_entries(step))
    return Notice(level="warning", code="api_retry", text=step.text)


def _entries(step: Todo) -> list[PlanEntry]:
    return [
        PlanEntry(
            content=entry,
            status="completed" if number < step.done else "in_progress" if number == step.done else "pending",
        )
        for number, entry in enumerate(step.entries)
    ]


def _inside(folder: Path, name: str) -> Path | None:
    path = (folder / name).resolve()
    return path if path.is_relative_to(folder.resolve()) else None


def _put_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
