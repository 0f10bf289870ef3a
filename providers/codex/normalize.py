"""Notifications of one session's threads become events. No I/O, so recorded notifications replay exactly.

The session's own thread is the main one; threads of sub-agents are shown below the call that began them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from providers.base import AgentEvent
from providers.bounds import parts
from providers.codex import errors, items, notices
from providers.codex.background import Background
from providers.codex.items import Item
from providers.codex.rpc import Params
from providers.codex.streaming import Blocks, Kind, LiveOutput
from ws.protocol.events import (
    AgentMessage,
    AgentThought,
    NativeIdKnown,
    Notice,
    Plan,
    PlanEntry,
    StopReason,
    TextContent,
    TitleChanged,
    ToolCallUpdate,
    ToolContent,
    TurnEnded,
    TurnStarted,
    Usage,
)

MAX_PLAN_ENTRIES = 200
MAX_PLAN_CHARS = 500
MAX_TITLE_CHARS = 200

_PLAN_STATUSES = {"pending": "pending", "inProgress": "in_progress", "in_progress": "in_progress"}
_IGNORED = frozenset({"userMessage", "hookPrompt", "functionCallOutput", "sleep", "enteredReviewMode"})
_BLOCKS: Mapping[str, Kind] = {"agentMessage": "text", "plan": "text", "reasoning": "thought"}


@dataclass
class Turn:
    """`codex` is Codex's id of it, None while not known. A turn that is not `prompted` was begun by the agent."""

    is_prompted: bool
    codex: str | None = None
    is_interrupted: bool = False


@dataclass
class _Call:
    thread: str
    title: str
    started_ms: int
    is_command: bool
    contents: Sequence[ToolContent] = ()
    output: LiveOutput | None = None
    agent: str | None = None
    """The thread of the sub-agent that it began."""


@dataclass
class _Turns:
    now: Turn | None = None
    plan: str | None = None
    """A plan that Codex has presented in this turn."""
    to_tell: list[AgentEvent] = field(default_factory=list)
    """Between turns nothing is told, so it waits for the next one."""


class Normalizer:
    """The state of one session between its notifications."""

    def __init__(
        self,
        folder: Path,
        known_id: str | None,
        command: Sequence[str],
        *,
        clock: Callable[[], float],
        blocks: Blocks | None = None,
    ) -> None:
        self.thread = ""
        self._folder = folder
        self._known_id = known_id
        self._command = command
        self._clock = clock
        self._turns = _Turns()
        self._blocks = blocks or Blocks()
        self._calls: dict[str, _Call] = {}
        self._parents: dict[str, str] = {}
        self._active: dict[str, str] = {}
        """Threads with a turn that runs, and Codex's id of it."""
        self._told: set[str] = set()
        self.background = Background()

    @property
    def turn(self) -> Turn | None:
        return self._turns.now

    def open_commands(self) -> list[str]:
        """Items of commands that the running turn has not seen the end of."""
        return [item for item, call in self._calls.items() if call.is_command]

    def has_call(self, item: str | None) -> bool:
        return item in self._calls

    def title_of(self, item: str | None) -> str | None:
        call = self._calls.get(item or "")
        return call.title if call else None

    def running_children(self) -> dict[str, str]:
        """Threads of sub-agents that work, and Codex's id of their turns."""
        return {thread: turn for thread, turn in self._active.items() if thread != self.thread}

    def tell_with_next_turn(self, event: AgentEvent) -> None:
        self._turns.to_tell.append(event)

    def main_is_idle(self) -> None:
        """Codex's turn is over; ours is not."""
        self._active.pop(self.thread, None)

    def take_plan(self) -> str | None:
        """The plan that the turn has presented, once."""
        plan, self._turns.plan = self._turns.plan, None
        return plan

    def prompt_sent(self) -> Iterator[AgentEvent]:
        """A prompt is on its way. A turn that the agent has begun by itself ends first."""
        if self._turns.now is not None:
            yield from self.finish("end_turn")
        self._turns.now = Turn(is_prompted=True)

    def prompt_taken(self, codex_turn: str | None) -> Iterator[AgentEvent]:
        """Codex has begun its turn: from then on there is a thread to resume."""
        if self._turns.now is not None:
            self._turns.now.codex = codex_turn
        if self.thread != self._known_id:
            self._known_id = self.thread
            yield NativeIdKnown(native_id=self.thread)
        yield from self._turns.to_tell
        self._turns.to_tell.clear()

    def begin(self, codex_turn: str | None = None) -> Iterator[AgentEvent]:
        """The agent does something outside a turn, so it began one by itself."""
        if self._turns.now is None:
            self._turns.now = Turn(is_prompted=False, codex=codex_turn)
            yield TurnStarted()

    def feed(self, method: str, params: Params, contents: Sequence[ToolContent] = ()) -> Iterator[AgentEvent]:
        """The events of one notification; `contents` are the changes of files that it is about."""
        thread = str(params.get("threadId") or self.thread)
        item = params.get("item")
        match method:
            case "item/started" if isinstance(item, Mapping):
                yield from self._item_started(thread, item, params, contents)
            case "item/completed" if isinstance(item, Mapping):
                yield from self._item_completed(thread, item, params)
            case "turn/started":
                yield from self._turn_started(thread, params)
            case "turn/completed":
                yield from self._turn_completed(thread, params)
            case "mcpServer/startupStatus/updated":
                state = self.background.server(params)
                if state is not None:
                    yield state
            case "thread/name/updated" if thread == self.thread and params.get("threadName"):
                yield from self._tell(TitleChanged(title=str(params["threadName"])[:MAX_TITLE_CHARS]))
            case _ if self._turns.now is not None:
                yield from self._in_turn(thread, method, params, contents)
            case _:
                pass

    def finish(self, stop_reason: StopReason, error: str | None = None) -> Iterator[AgentEvent]:
        """Close what is open and end the turn; nothing when none runs."""
        turn = self._turns.now
        if turn is None:
            return
        for item, call in list(self._calls.items()):
            yield self._left_open(item, call, is_over=stop_reason != "end_turn")
        if self._calls:
            yield self.background.state()
        self._calls.clear()
        self._blocks.cut_off()
        self._turns.now = None
        self._turns.plan = None
        yield TurnEnded(stop_reason=stop_reason, error=error, anchor=turn.codex)

    def _in_turn(
        self, thread: str, method: str, params: Params, contents: Sequence[ToolContent]
    ) -> Iterator[AgentEvent]:
        item, text = str(params.get("itemId") or ""), str(params.get("delta") or "")
        match method:
            case "item/agentMessage/delta" | "item/plan/delta":
                yield from self._delta(thread, item, "text", text)
            case "item/reasoning/summaryTextDelta" | "item/reasoning/textDelta":
                yield from self._delta(thread, item, "thought", text)
            case "item/reasoning/summaryPartAdded" if self._blocks.has_begun(item):
                yield from self._delta(thread, item, "thought", "\n\n")
            case "item/commandExecution/outputDelta":
                yield from self._output(item, text)
            case "item/fileChange/patchUpdated" if item in self._calls and contents:
                self._calls[item].contents = contents
                yield ToolCallUpdate(tool_call_id=item, status="in_progress", content=list(contents))
            case "turn/plan/updated" if thread == self.thread:
                yield _plan(params)
            case "thread/tokenUsage/updated" if thread == self.thread:
                yield from _usage(params)
            case "error":
                yield from self._error(thread, params)
            case _:
                yield from notices.notice(method, params, self._told)

    def _turn_started(self, thread: str, params: Params) -> Iterator[AgentEvent]:
        codex_turn = str((params.get("turn") or {}).get("id"))
        self._active[thread] = codex_turn
        if thread != self.thread:
            return
        if self._turns.now is None:
            yield from self.begin(codex_turn)
        else:
            self._turns.now.codex = codex_turn

    def _turn_completed(self, thread: str, params: Params) -> Iterator[AgentEvent]:
        self._active.pop(thread, None)
        completed = params.get("turn") or {}
        turn = self._turns.now
        if thread != self.thread:
            yield from self._child_done(thread, turn)
        elif turn is not None and turn.codex == completed.get("id"):
            if turn.is_interrupted or completed.get("status") == "interrupted":
                yield from self.finish("cancelled")
            elif completed.get("status") == "failed":
                yield from self.finish("error", errors.turn_failure(completed.get("error"), self._command))
            else:
                yield from self.finish("end_turn")

    def _child_done(self, thread: str, turn: Turn | None) -> Iterator[AgentEvent]:
        """A turn that the agent began only because a sub-agent of it went on ends with the last of them."""
        state = self.background.ended(thread)
        if state is not None:
            yield state
        if turn is not None and not turn.is_prompted and turn.codex is None and not self.running_children():
            yield from self.finish("cancelled" if turn.is_interrupted else "end_turn")

    def _item_started(
        self, thread: str, item: Item, params: Params, contents: Sequence[ToolContent]
    ) -> Iterator[AgentEvent]:
        kind, item_id = str(item.get("type")), str(item.get("id"))
        if kind == "subAgentActivity":
            yield from self._sub_agent(thread, item, params)
            return
        shown = items.shown(item, self._folder)
        if shown is None or item_id in self._calls:
            if kind not in _BLOCKS and kind not in _IGNORED and kind != "contextCompaction" and self._turns.now:
                yield from notices.unknown(f"item {kind}", self._told)
            return
        yield from self.begin()
        self._calls[item_id] = _Call(
            thread, shown.title, _ms(params, "startedAtMs"), is_command=kind == "commandExecution", contents=contents
        )
        for child in item.get("receiverThreadIds") or ():
            self._parents.setdefault(str(child), item_id)
        yield items.tool_call(item_id, shown, self._parents.get(thread))
        if contents:
            yield ToolCallUpdate(tool_call_id=item_id, status="in_progress", content=list(contents))

    def _item_completed(self, thread: str, item: Item, params: Params) -> Iterator[AgentEvent]:
        kind, item_id = str(item.get("type")), str(item.get("id"))
        state = self.background.ended(item_id)
        if state is not None:
            yield state
        if kind in _BLOCKS:
            yield from self._block(thread, item, item_id, kind)
        elif kind == "contextCompaction" and self._turns.now is not None:
            yield notices.compacted()
        elif kind == "subAgentActivity":
            yield from self._sub_agent(thread, item, params)
        else:
            if item_id not in self._calls and self._turns.now is not None and state is None:
                yield from self._item_started(thread, item, params, ())
            call = self._calls.pop(item_id, None)
            if call is not None:
                status, contents = items.outcome(item)
                shown = contents or list(call.contents)
                yield ToolCallUpdate(tool_call_id=item_id, status=status, content=shown)

    def _block(self, thread: str, item: Item, item_id: str, kind: str) -> Iterator[AgentEvent]:
        text = _reasoning(item) if kind == "reasoning" else str(item.get("text") or "")
        if not text:
            return
        yield from self.begin()
        parent = self._parents.get(thread)
        message_id = self._blocks.finish(item_id, _BLOCKS[kind])
        if kind == "plan" and thread == self.thread:
            self._turns.plan = text
        event = AgentThought if kind == "reasoning" else AgentMessage
        for piece, part in parts(text):
            yield event(message_id=message_id, text=piece, part=part, parent=parent)

    def _sub_agent(self, thread: str, item: Item, params: Params) -> Iterator[AgentEvent]:
        """Its beginning and its end are two items; what it does comes in its own thread."""
        child = str(item.get("agentThreadId"))
        known = next((found for found, call in self._calls.items() if call.agent == child), None)
        if item.get("kind") == "started" and known is None and child not in self._parents:
            yield from self.begin()
            item_id, path = str(item.get("id")), str(item.get("agentPath") or "")
            title = f"Agent: {path.rpartition('/')[2] or path}"
            self._parents[child] = item_id
            self._calls[item_id] = _Call(
                thread, title, _ms(params, "startedAtMs", "completedAtMs"), is_command=False, agent=child
            )
            shown = items.Shown("agent", "think", title, {"agent": path, "model": item.get("model")})
            yield items.tool_call(item_id, shown, self._parents.get(thread))
        elif item.get("kind") in {"completed", "interrupted"} and known is not None:
            del self._calls[known]
            is_done = item["kind"] == "completed"
            yield ToolCallUpdate(tool_call_id=known, status="completed" if is_done else "failed", content=[])

    def _delta(self, thread: str, item: str, kind: Kind, text: str) -> Iterator[AgentEvent]:
        delta = self._blocks.delta(item, kind, text, self._parents.get(thread))
        if delta is not None:
            yield delta

    def _output(self, item: str, text: str) -> Iterator[AgentEvent]:
        call = self._calls.get(item)
        if call is None:
            return
        call.output = call.output or LiveOutput(self._clock)
        if shown := call.output.add(text):
            yield ToolCallUpdate(tool_call_id=item, status="in_progress", content=[TextContent(text=shown)])

    def _error(self, thread: str, params: Params) -> Iterator[Notice]:
        if not params.get("willRetry"):
            return  # the end of the turn tells it
        self._blocks.abandon()
        yield notices.retry(params.get("error") or {})

    def _left_open(self, item: str, call: _Call, *, is_over: bool) -> ToolCallUpdate:
        """What goes on after its turn is a task in the background."""
        child_goes_on = call.agent is not None and call.agent in self._active
        if child_goes_on and call.agent is not None:
            self.background.left(call.agent, "agent", call.title, call.started_ms, item)
        elif call.is_command and not is_over:
            self.background.left(item, "command", call.title, call.started_ms, item)
        goes_on = self.background.has(item) or child_goes_on
        note = "Goes on in the background." if goes_on else "Not finished."
        is_done = goes_on or (call.agent is not None and not is_over)
        content: list[ToolContent] = [TextContent(text=note)] if goes_on or not is_done else []
        return ToolCallUpdate(tool_call_id=item, status="completed" if is_done else "failed", content=content)

    def _tell(self, event: AgentEvent) -> Iterator[AgentEvent]:
        if self._turns.now is not None:
            yield event
        else:
            self._turns.to_tell.append(event)


def _reasoning(item: Item) -> str:
    summary = [str(part) for part in item.get("summary") or () if part]
    return "\n\n".join(summary) or "\n".join(str(part) for part in item.get("content") or ())


def _plan(params: Params) -> Plan:
    steps = [step for step in params.get("plan") or () if isinstance(step, Mapping)]
    return Plan(
        entries=[
            PlanEntry(
                content=str(step.get("step") or "")[:MAX_PLAN_CHARS],
                status=_PLAN_STATUSES.get(str(step.get("status")), "completed"),  # type: ignore[arg-type]
            )
            for step in steps[:MAX_PLAN_ENTRIES]
        ]
    )


def _usage(params: Params) -> Iterator[Usage]:
    usage: Any = params.get("tokenUsage") or {}
    total, last = usage.get("total"), usage.get("last") or {}
    if isinstance(total, Mapping):
        yield Usage(
            input_tokens=int(total.get("inputTokens") or 0),
            output_tokens=int(total.get("outputTokens") or 0),
            context_used=last.get("totalTokens"),
            context_size=usage.get("modelContextWindow"),
        )


def _ms(params: Params, *names: str) -> int:
    return next((int(params[name]) for name in names if isinstance(params.get(name), int)), 0)
