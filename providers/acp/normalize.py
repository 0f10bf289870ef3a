"""Updates of a session become events. Pure: no I/O, no clock, so recorded updates replay exactly."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from providers.acp.blocks import LiveBlocks
from providers.acp.calls import Calls
from providers.acp.content import chunk_text, plan_entries
from providers.acp.fields import number, table, tables, text
from providers.acp.settings import MAX_DESCRIPTION_CHARS, MAX_OFFERED, Settings
from providers.base import AgentEvent
from ws.protocol.events import (
    AgentState,
    ModeChanged,
    ModelChanged,
    NativeIdKnown,
    Notice,
    Plan,
    StopReason,
    TitleChanged,
    TurnEnded,
    TurnStarted,
    Usage,
)
from ws.protocol.providers import SlashCommand

MAX_TOLD_KINDS = 20
"""Kinds of updates that are not known are told once each, and no more than so many."""

MAX_TITLE_CHARS = 200

Events = Iterator[AgentEvent]


class Normalizer:
    """The state of one agent between its updates."""

    def __init__(self, folder: Path, settings: Settings, blocks: LiveBlocks | None = None) -> None:
        self.settings = settings
        self.has_turn = False
        self.is_interrupted = False
        self._is_own = False
        self._blocks = blocks or LiveBlocks()
        self._calls = Calls(folder)
        self._to_tell: list[NativeIdKnown | Notice] = []
        self._unknown: set[str] = set()
        self._input_tokens = 0
        self._output_tokens = 0
        self._context_used: int | None = None
        self._context_size: int | None = None
        self._cost: float | None = None
        self._has_usage = False
        self._kinds: dict[str, Callable[[Mapping[str, Any]], Events]] = {
            "agent_message_chunk": self._message,
            "agent_thought_chunk": self._thought,
            "user_message_chunk": self._ignored,
            "tool_call": self._call,
            "tool_call_update": self._call,
            "plan": self._plan,
            "plan_update": self._plan_update,
            "available_commands_update": self._commands,
            "current_mode_update": self._mode,
            "config_option_update": self._options,
            "usage_update": self._usage,
            "session_info_update": self._info,
        }

    @property
    def is_own_turn(self) -> bool:
        """The agent began the running turn by itself."""
        return self.has_turn and self._is_own

    def tell_with_next_turn(self, fact: NativeIdKnown | Notice) -> None:
        self._to_tell.append(fact)

    def prompt_sent(self) -> Events:
        """A prompted turn begins; one of the agent's own is ended before."""
        if self.has_turn:
            yield from self.finish("end_turn", None)
        self.has_turn, self._is_own, self.is_interrupted = True, False, False
        yield from self._facts()

    def feed(self, update: Mapping[str, Any]) -> Events:
        """The events of one update, in order."""
        kind = text(update, "sessionUpdate")
        reader = self._kinds.get(kind)
        if reader is not None:
            yield from reader(update)
        else:
            yield from self._not_known(kind)

    def asked_about(self, call: Mapping[str, Any]) -> Events:
        """A permission is asked for this call."""
        yield from self._begin()
        yield from self._blocks.finish()
        yield from self._calls.asked_about(call)

    def rejected(self, call_id: str | None) -> None:
        self._calls.rejected(call_id)

    def misunderstood(self) -> Events:
        """Something came that is no message."""
        yield from self._not_known("a line that is no message")

    def answered(self, result: Mapping[str, Any]) -> Events:
        """The prompt was answered: its turn is over."""
        if used := table(result, "usage"):
            self._count(used)
        reason = text(result, "stopReason")
        ended: StopReason = "end_turn"
        match reason:
            case "cancelled" | "refusal" | "max_tokens":
                ended = reason
            case "max_turn_requests":
                said = "The agent has reached its limit of steps in one turn: send a prompt to let it go on."
                yield Notice(level="warning", code="max_turn_requests", text=said)
            case _:
                pass
        yield from self.finish("cancelled" if self.is_interrupted else ended, None)

    def finish(self, reason: StopReason, error: str | None) -> Events:
        """The turn is over; everything of it that is open is closed."""
        if not self.has_turn:
            return
        yield from self._blocks.finish()
        yield from self._calls.close_all()
        if self._has_usage:
            yield self._totals()
        self.has_turn = self._is_own = self.is_interrupted = self._has_usage = False
        yield TurnEnded(stop_reason=reason, error=error)

    def _begin(self) -> Events:
        """What comes between turns begins one of the agent's own."""
        if not self.has_turn:
            self.has_turn = self._is_own = True
            yield TurnStarted()
            yield from self._facts()

    def _facts(self) -> Events:
        facts, self._to_tell = self._to_tell, []
        yield from facts

    def _message(self, update: Mapping[str, Any]) -> Events:
        if used := table(table(update, "_meta"), "usage"):
            self._count(used)  # Qwen Code 0.15.10 tells it with an empty chunk after each answer of the model
        yield from self._prose("text", update)

    def _thought(self, update: Mapping[str, Any]) -> Events:
        yield from self._prose("thought", update)

    def _prose(self, kind: Any, update: Mapping[str, Any]) -> Events:
        said = chunk_text(update)
        if not said:
            return
        yield from self._begin()
        yield from self._calls.go_on()
        meta = table(update, "_meta")
        parent = text(meta, "parentToolCallId") or text(table(meta, "claudeCode"), "parentToolUseId") or None
        yield from self._blocks.feed(kind, said, text(update, "messageId"), parent)

    def _call(self, update: Mapping[str, Any]) -> Events:
        if not self.has_turn and update.get("sessionUpdate") == "tool_call_update":
            return  # of a call that was closed with its turn
        yield from self._begin()
        yield from self._blocks.finish()
        yield from self._calls.feed(update, is_interrupted=self.is_interrupted)

    def _plan(self, update: Mapping[str, Any]) -> Events:
        yield Plan(entries=plan_entries(update))

    def _plan_update(self, update: Mapping[str, Any]) -> Events:
        plan = table(update, "plan")
        if "entries" in plan:
            yield Plan(entries=plan_entries(plan))

    def _commands(self, update: Mapping[str, Any]) -> Events:
        commands = [
            SlashCommand(name=text(each, "name"), description=text(each, "description")[:MAX_DESCRIPTION_CHARS])
            for each in tables(update, "availableCommands")[:MAX_OFFERED]
            if text(each, "name")
        ]
        yield AgentState(process="live", commands=commands)

    def _mode(self, update: Mapping[str, Any]) -> Events:
        mode, known = text(update, "currentModeId"), self.settings.mode
        if mode and known is not None and mode != known.current:
            known.current = mode
            yield ModeChanged(mode=mode)

    def _options(self, update: Mapping[str, Any]) -> Events:
        mode, model, effort = _current(self.settings)
        self.settings.learn({"configOptions": update.get("configOptions")})
        mode_now, model_now, effort_now = _current(self.settings)
        if mode_now is not None and mode_now != mode:
            yield ModeChanged(mode=mode_now)
        if (model_now, effort_now) != (model, effort):
            yield ModelChanged(model=model_now, effort=effort_now)

    def _usage(self, update: Mapping[str, Any]) -> Events:
        self._context_used = number(update, "used")
        self._context_size = number(update, "size") or self._context_size
        cost = table(update, "cost")
        if text(cost, "currency") == "USD" and isinstance(cost.get("amount"), int | float):
            self._cost = float(cost["amount"])
        self._has_usage = True
        if not self.has_turn:
            self._has_usage = False
            yield self._totals()

    def _count(self, used: Mapping[str, Any]) -> None:
        self._input_tokens += number(used, "inputTokens")
        self._output_tokens += number(used, "outputTokens")
        if self._context_size is None:
            self._context_used = number(used, "totalTokens") or self._context_used
        self._has_usage = True

    def _totals(self) -> Usage:
        return Usage(
            input_tokens=self._input_tokens,
            output_tokens=self._output_tokens,
            cost_usd=self._cost,
            context_used=self._context_used,
            context_size=self._context_size or self.settings.context_size,
        )

    def _info(self, update: Mapping[str, Any]) -> Events:
        title = " ".join(text(update, "title").split())[:MAX_TITLE_CHARS]
        if title:
            yield TitleChanged(title=title)

    def _ignored(self, _update: Mapping[str, Any]) -> Events:
        yield from ()

    def _not_known(self, kind: str) -> Events:
        if kind in self._unknown or len(self._unknown) >= MAX_TOLD_KINDS:
            return
        self._unknown.add(kind)
        what = kind[:64] or "an update without a kind"
        said = f"{self.settings.name} sent what this version does not understand: {what}."
        yield Notice(level="info", code="unknown_event", text=said)


def _current(settings: Settings) -> tuple[str | None, str | None, str | None]:
    mode, model, effort = (
        choice.current if choice else None for choice in (settings.mode, settings.model, settings.effort)
    )
    return mode, model, effort
