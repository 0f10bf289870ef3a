"""Messages of the SDK become events of a session. Pure: no I/O, no clock, so recorded messages replay exactly."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from claude_agent_sdk import (
    AssistantMessage,
    ContentBlock,
    ConversationResetMessage,
    Message,
    RateLimitEvent,
    ResultMessage,
    ServerToolResultBlock,
    ServerToolUseBlock,
    StreamEvent,
    SystemMessage,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserMessage,
)

from providers.base import AgentEvent
from providers.bounds import parts
from providers.claude import notices, tools, usage
from providers.claude.plans import PlanKeeper
from providers.claude.sdk_transport import PROMPT_IGNORED
from providers.claude.streaming import LiveText
from providers.claude.turns import Call, Turn
from ws.protocol.events import (
    AgentMessage,
    AgentThought,
    ModeChanged,
    NativeIdKnown,
    Notice,
    StopReason,
    TitleChanged,
    ToolCallUpdate,
    TurnEnded,
    TurnStarted,
    Usage,
)

SYNTHETIC = "<synthetic>"
"""The model of messages that the CLI wrote itself."""

HAD_BEFORE = "Claude has had this prompt before and does not take it twice: send it again as a new one."

MAX_ENTRIES = 64

MAX_UNTOLD_CALLS = 32
"""Calls of background agents between turns, of which one may still be asked about."""


class Normalizer:
    """The state of one agent process between its messages; `live` names the blocks."""

    def __init__(
        self,
        folder: Path,
        native_id: str | None,
        mode: str | None,
        live: LiveText | None = None,
        *,
        command: Sequence[str] = ("claude",),
        is_asked: Callable[[], bool] = lambda: False,
    ) -> None:
        self._folder = folder
        self._native_id = native_id
        self._mode = mode
        self._command = command
        self._is_asked = is_asked
        self._turn: Turn | None = None
        self._waiting: str | None = None
        self._entries: deque[str] = deque(maxlen=MAX_ENTRIES)
        self._open_calls: dict[str, Call] = {}
        self._untold: deque[tuple[ToolUseBlock, str | None]] = deque(maxlen=MAX_UNTOLD_CALLS)
        self._live = live or LiveText()
        self._plan = PlanKeeper()
        self._told: set[str] = set()
        self._to_tell: list[Notice] = []
        self._context_used: int | None = None
        self.spent_before: Usage | None = None
        """What the process does not count: see `usage.missing`."""
        self.spent: Usage | None = None
        """The totals told last."""

    @property
    def native_id(self) -> str | None:
        """Known from the first turn on."""
        return self._native_id

    @property
    def has_turn(self) -> bool:
        return self._turn is not None

    @property
    def is_interrupted(self) -> bool:
        """The running turn was asked to end."""
        return self._turn is not None and self._turn.is_interrupted

    @property
    def is_resting(self) -> bool:
        """The running turn is over but for what is asked."""
        return self._turn is not None and self._turn.end is not None

    @property
    def takes_more(self) -> bool:
        """A turn runs to which a prompt may be given."""
        return self._turn is not None and not self._turn.is_interrupted and self._waiting is None

    @property
    def unread(self) -> frozenset[str]:
        """Prompts given to the running turn that the CLI has not taken in yet."""
        return frozenset(self._turn.unread if self._turn else ())

    @property
    def unanswered(self) -> frozenset[str]:
        """Our prompts that no result has named."""
        waiting = () if self._waiting is None else (self._waiting,)
        return frozenset((*(self._turn.unanswered if self._turn else ()), *waiting))

    @property
    def entries(self) -> Sequence[str]:
        """The newest entries of the main thread that the CLI has told of, oldest first: anchors, if it keeps them."""
        return tuple(self._entries)

    def keep_entries(self, kept: frozenset[str]) -> None:
        """Only these are in the transcript of a CLI that has died."""
        told = [entry for entry in self._entries if entry in kept]
        untold = [prompt for prompt in self.unanswered if prompt in kept and prompt not in told]
        self._entries = deque([*told, *untold], maxlen=MAX_ENTRIES)

    def prompt_sent(self, uuid: str) -> None:
        """A prompt is on its way to the CLI: its turn runs until the result that names this uuid.

        A turn that the agent has begun by itself is ended first, so that each TurnStarted has its TurnEnded.
        """
        if self._turn is None:
            self._turn = Turn({uuid})
        else:
            self._waiting = uuid

    def called(self, native_id: str | None) -> Iterator[AgentEvent]:
        """The name that we have chosen for the session: told before Claude works, as the node may die meanwhile."""
        if self._native_id is None:
            yield from self._native(native_id)

    def prompt_given(self, uuid: str) -> None:
        """Another prompt for the running turn, which then ends when that is answered too."""
        assert self._turn is not None, "given only to a turn"
        self._turn.end = None
        self._turn.unanswered.add(uuid)
        self._turn.unread.add(uuid)

    def prompt_taken_back(self, uuid: str) -> None:
        """The CLI has dropped a prompt that it had not read."""
        if self._turn is not None:
            self._turn.forget(uuid)

    def interrupt_sent(self) -> None:
        if self._turn is not None:
            self._turn.is_interrupted = True

    def mode_set(self, mode: str | None) -> str | None:
        """The user chose this mode, so the CLI's echo is no news. Returns the mode before."""
        before, self._mode = self._mode, mode
        return before

    def tasks_were(self, tasks: Sequence[Mapping[str, Any]]) -> None:
        """The agent's list of tasks from the processes before."""
        self._plan.begin_with(tasks)

    def tell_with_next_turn(self, notice: Notice) -> None:
        self._to_tell.append(notice)

    def feed(self, message: Message) -> Iterator[AgentEvent]:
        """The events of one message, in order; the iterator must be drained before the next message is fed."""
        match message:
            case StreamEvent(parent_tool_use_id=None):
                yield from self._speaks()
                if (delta := self._live.feed(message.event)) is not None:
                    yield delta
            case AssistantMessage():
                yield from self._assistant(message)
            case UserMessage():
                yield from self._user(message)
            case ResultMessage():
                yield from self._result(message)
            case SystemMessage():
                yield from self._system(message)
            case RateLimitEvent() if self._turn is not None:
                yield from notices.rate_limit(message.rate_limit_info)
            case ConversationResetMessage():
                yield from self._native(message.new_conversation_id)
            case _:
                pass

    def finish(self, stop_reason: StopReason, error: str | None = None) -> Iterator[AgentEvent]:
        """Close what is open and end the turn; a prompt that waited has the next one. Nothing when none runs."""
        if self._turn is None:
            return
        for call_id, call in list(self._open_calls.items()):
            yield call.left_open(call_id)
        self._open_calls.clear()
        self._live.cut_off()
        self._turn = None if self._waiting is None else Turn({self._waiting})
        self._waiting = None
        yield TurnEnded(stop_reason=stop_reason, error=error, anchor=self._entries[-1] if self._entries else None)

    def settle(self, *, at_once: bool = False) -> Iterator[AgentEvent]:
        """End a turn that was kept only for what agents in the background asked.

        What was decided on is waited for, unless it was stopped or `at_once`: nobody is left to tell of it.
        """
        turn = self._turn
        if self._is_asked() or turn is None or turn.end is None:
            return
        if at_once or turn.is_interrupted or turn.decided.isdisjoint(self._open_calls):
            yield from self._end(turn, *(("cancelled", None) if turn.is_interrupted else turn.end))

    def _end(self, turn: Turn, stop_reason: StopReason, error: str | None) -> Iterator[AgentEvent]:
        """With the prompt that waited behind it, if a result of its own has named that too."""
        yield from self.finish(stop_reason, error)
        if self._turn is not None and self._turn.unanswered & turn.answered:
            yield from self.finish(stop_reason, error)

    def _begin(self) -> Iterator[AgentEvent]:
        """The main thread does something outside a turn, so it began one by itself: a background task has ended."""
        if self._turn is None:
            self._turn = Turn()
            yield TurnStarted()

    def _speaks(self) -> Iterator[AgentEvent]:
        """The main thread goes on; a result of its own follows."""
        yield from self._begin()
        if self._turn is not None:
            self._turn.end = None

    def asked_about(self, call_id: str | None) -> Iterator[AgentEvent]:
        """Claude asks: what must be told before. Between turns a background agent asks, for a call not told so far.

        The turn that this begins has no result, unless the main thread speaks in it.
        """
        if self._turn is None:
            self._turn = Turn(end=("end_turn", None))
            yield TurnStarted()
        for block, parent in [*self._untold]:
            if block.id == call_id:
                self._untold.remove((block, parent))
                yield from self._block(block, parent)

    def answered(self, call_id: str | None) -> None:
        """Somebody has said whether this call may be."""
        if self._turn is not None and call_id is not None:
            self._turn.decided.add(call_id)

    def _assistant(self, message: AssistantMessage) -> Iterator[AgentEvent]:
        parent = message.parent_tool_use_id
        if parent is None:
            yield from self._speaks()
            self._context_used = usage.context_used(message) or self._context_used
            if message.model != SYNTHETIC:  # the CLI's own words are not always kept
                self._entry(message.uuid)
        if self._turn is None:  # a sub-agent in the background, between turns
            self._untold.extend((block, parent) for block in message.content if isinstance(block, ToolUseBlock))
            return
        if message.error is not None:
            if parent is None:
                self._turn.api_error = message.error
            return  # its text is the error, told by turn_ended or by the result of the sub-agent's call
        for block in message.content:
            yield from self._block(block, parent)

    def _block(self, block: ContentBlock, parent: str | None) -> Iterator[AgentEvent]:
        match block:
            case TextBlock(text=text) if text:
                assert self._turn is not None, "blocks belong to a turn"
                self._turn.has_spoken = True
                message_id = self._live.finish() if parent is None else self._live.aside()
                for piece, part in parts(text):
                    yield AgentMessage(message_id=message_id, text=piece, part=part, parent=parent)
            case ThinkingBlock(thinking=text) if text:
                message_id = self._live.finish() if parent is None else self._live.aside()
                for piece, part in parts(text):
                    yield AgentThought(message_id=message_id, text=piece, part=part, parent=parent)
            case ToolUseBlock() | ServerToolUseBlock():
                self._open_calls[block.id] = Call(block.name, block.input, parent)
                yield tools.tool_call(block.id, block.name, block.input, self._folder, parent)
            case ServerToolResultBlock():
                yield from self._returned(block.tool_use_id, is_error=False, content=None, result=None)
            case _:
                pass

    def _user(self, message: UserMessage) -> Iterator[AgentEvent]:
        """Tool results. Text of user messages is our own prompt, or the CLI's remark on an interrupt."""
        if message.parent_tool_use_id is None:
            self._entry(message.uuid)
            if self._turn is not None and message.uuid is not None:
                self._turn.unread.discard(message.uuid)
        for block in message.content if isinstance(message.content, list) else ():
            if isinstance(block, ToolResultBlock):
                yield from self._returned(
                    block.tool_use_id,
                    is_error=bool(block.is_error),
                    content=block.content,
                    result=message.tool_use_result,
                )
        yield from self.settle()

    def _entry(self, uuid: str | None) -> None:
        if uuid is not None:
            self._entries.append(uuid)

    def _returned(self, call_id: str, *, is_error: bool, content: Any, result: Any) -> Iterator[AgentEvent]:
        call = self._open_calls.pop(call_id, None)
        if call is None:
            return  # closed with its turn
        shown = tools.output(call.name, content, None if is_error else result)
        yield ToolCallUpdate(tool_call_id=call_id, status="failed" if is_error else "completed", content=shown)
        if is_error or (call.parent is not None and call.name == "TodoWrite"):
            return  # a sub-agent's own list
        if (plan := self._plan.changed_by(call.name, call.arguments, result)) is not None:
            yield plan

    def _system(self, message: SystemMessage) -> Iterator[AgentEvent]:
        data = message.data
        match message.subtype:
            case "init":
                self._mode = self._mode or data.get("permissionMode")
                yield from self._native(data.get("session_id"))
                if self._turn is not None:
                    yield from self._to_tell
                    self._to_tell.clear()
            case "status" if isinstance(data.get("permissionMode"), str):
                yield from self._mode_now(data["permissionMode"])
            case "session_title_changed" if data.get("title") and self._turn is not None:
                yield TitleChanged(title=str(data["title"])[:200])
            case subtype if subtype == PROMPT_IGNORED and data.get("prompt") in self.unanswered:
                yield from self.finish("error", HAD_BEFORE)
            case _ if self._turn is not None:
                yield from notices.system(message.subtype, data, self._told)
            case _:
                pass

    def _native(self, native_id: Any) -> Iterator[AgentEvent]:
        """Told when a turn begins: from then on there is a transcript to resume."""
        if isinstance(native_id, str) and native_id != self._native_id and self._turn is not None:
            self._native_id = native_id
            yield NativeIdKnown(native_id=native_id)

    def _mode_now(self, mode: str) -> Iterator[AgentEvent]:
        if mode != self._mode and self._turn is not None:
            self._mode = mode
            yield ModeChanged(mode=mode)

    def _result(self, message: ResultMessage) -> Iterator[AgentEvent]:
        turn = self._turn
        if turn is None:
            return
        is_over = turn.is_ended_by(message)
        answered = set(message.user_message_uuids or ())
        if not is_over and not answered:
            return  # of a turn of the agent's own, which ran before our prompt
        if message.result and not message.is_error and not turn.has_spoken:
            yield from self._block(TextBlock(message.result), None)  # the answer of a slash command
        if (totals := usage.totals(message, self._context_used)) is not None:
            self.spent = totals if self.spent_before is None else usage.added(totals, self.spent_before)
            yield self.spent
        if not is_over:
            yield from self._goes_on(turn, *turn.ending(message, self._command))
            return
        turn.answered |= answered
        reason, error = turn.ending(message, self._command)
        if self._is_asked() and not turn.is_interrupted:
            yield from self._goes_on(turn, reason, error)
            turn.end = reason, error
            return
        yield from self._end(turn, reason, error)

    def _goes_on(self, turn: Turn, reason: StopReason, error: str | None) -> Iterator[AgentEvent]:
        """For the CLI a turn has ended, for the session it has not: it was given a prompt, or somebody is asked."""
        turn.has_spoken = False
        turn.api_error = None
        if reason == "error" and error is not None:
            yield notices.failed(error)
