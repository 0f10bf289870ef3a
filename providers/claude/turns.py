"""One turn of Claude: who began it, and how its result ends it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from claude_agent_sdk import ResultMessage

from providers.claude.errors import api_failure
from ws.protocol.events import StopReason, TextContent, ToolCallUpdate

_STOP_REASONS: dict[str, StopReason] = {"max_tokens": "max_tokens", "refusal": "refusal"}
_ABORTED = frozenset({"aborted_streaming", "aborted_tools"})


@dataclass(frozen=True)
class Call:
    """A call of a tool that has not returned."""

    name: str
    arguments: Mapping[str, Any]
    parent: str | None

    def left_open(self, call_id: str) -> ToolCallUpdate:
        """Its end with its turn."""
        if self.parent is not None:
            note = TextContent(text="Goes on in the background.")
            return ToolCallUpdate(tool_call_id=call_id, status="completed", content=[note])
        return ToolCallUpdate(tool_call_id=call_id, status="failed", content=[TextContent(text="Not finished.")])


@dataclass
class Turn:
    """`unanswered` are the uuids of our prompts in it that no result has named; none when the agent began it by itself.

    `unread` are those given to it while it ran, until the CLI takes them in. The CLI may answer these in a turn of its
    own right after the running one: for the session both are one turn. `api_error` is the kind of error that an
    assistant message of the turn named.
    """

    unanswered: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)
    is_interrupted: bool = False
    has_spoken: bool = False
    api_error: str | None = None
    answered: set[str] = field(default_factory=set)
    """The uuids that its results have named."""
    decided: set[str] = field(default_factory=set)
    """The calls that were asked about in it and answered, whether they may be or not."""
    end: tuple[StopReason, str | None] | None = None
    """What it ends with as soon as nobody is asked any more."""

    def is_ended_by(self, message: ResultMessage) -> bool:
        """False for the result of a turn of the agent's own that ran while our prompt was on its way, and as long as a
        prompt that was given to the turn has no answer. What the result answers is crossed off.
        """
        if not self.unanswered or self.is_interrupted:
            return True
        answered = message.user_message_uuids or []
        if not answered and (message.origin is None or message.origin["kind"] == "human"):
            self.unanswered.clear()
        self.unanswered.difference_update(answered)
        return not self.unanswered

    def forget(self, uuid: str) -> None:
        """The CLI has let go of this prompt."""
        self.unanswered.discard(uuid)
        self.unread.discard(uuid)

    def ending(self, message: ResultMessage, command: Sequence[str]) -> tuple[StopReason, str | None]:
        """Why it ended, and the sentence for people when that was an error.

        `command` starts the CLI. An API error comes as subtype "success" with `is_error`; an interrupt as an error too.
        """
        if self.is_interrupted or message.terminal_reason in _ABORTED:
            return "cancelled", None
        if message.is_error:
            text = message.result or "; ".join(message.errors or ()) or message.subtype
            return "error", api_failure(self.api_error, message.api_error_status, text, command)
        return _STOP_REASONS.get(message.stop_reason or "", "end_turn"), None
