"""One turn of Claude: who began it, and how its result ends it."""

from collections.abc import Sequence
from dataclasses import dataclass

from claude_agent_sdk import ResultMessage

from providers.claude.errors import api_failure
from ws.protocol.events import StopReason

_STOP_REASONS: dict[str, StopReason] = {"max_tokens": "max_tokens", "refusal": "refusal"}
_ABORTED = frozenset({"aborted_streaming", "aborted_tools"})


@dataclass
class Turn:
    """`prompt` is the uuid of the prompt that it answers, None when the agent began it by itself.

    `api_error` is the kind of error that an assistant message of the turn named.
    """

    prompt: str | None
    is_interrupted: bool = False
    has_spoken: bool = False
    api_error: str | None = None

    def is_ended_by(self, message: ResultMessage) -> bool:
        """False for the result of a turn of the agent's own that ran while our prompt was on its way."""
        if self.prompt is None or self.is_interrupted:
            return True
        answered = message.user_message_uuids or []
        if answered:
            return self.prompt in answered
        return message.origin is None or message.origin["kind"] == "human"

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
