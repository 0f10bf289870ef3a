"""What the CLI tells beside its answer: retries, limits, and events that a newer one has and we do not know."""

from collections.abc import Iterator, Mapping
from typing import Any

from claude_agent_sdk import RateLimitInfo

from providers.claude.sdk_transport import UNKNOWN_EVENT
from ws.protocol.events import Notice

_MAX_TEXT_CHARS = 500

NOT_READ = Notice(
    level="warning",
    code="prompt_not_read",
    text="The turn was stopped before Claude read what was sent meanwhile: send it again if it still counts.",
)


def system(subtype: str, data: Mapping[str, Any], told: set[str]) -> Iterator[Notice]:
    """The notice of a system message, if it is worth one. An unknown event is told once (kept in `told`)."""
    match subtype:
        case "api_retry":
            yield _retry(data)
        case "compact_boundary":
            yield Notice(level="info", code="compacted", text="The conversation was summarised to make room.")
        case _ if subtype == UNKNOWN_EVENT and data.get("kind") not in told:
            kind = str(data.get("kind"))
            told.add(kind)
            yield Notice(level="info", code="unknown_event", text=f"Claude Code sent something new: {kind}.")
        case _:
            pass


def failed(reason: str) -> Notice:
    """What was answered so far ended in an error, and the turn goes on with a prompt that was given to it."""
    return Notice(level="error", code="api_error", text=reason[:_MAX_TEXT_CHARS])


def rate_limit(info: RateLimitInfo) -> Iterator[Notice]:
    window = f" ({info.rate_limit_type})" if info.rate_limit_type else ""
    match info.status:
        case "rejected":
            yield Notice(level="error", code="rate_limit", text=f"Claude's usage limit{window} is reached.")
        case "allowed_warning":
            yield Notice(level="warning", code="rate_limit", text=f"Claude's usage limit{window} is near.")
        case _:
            pass


def _retry(data: Mapping[str, Any]) -> Notice:
    status = data.get("error_status")
    reason = f"answered {status} ({data.get('error')})" if status else f"failed ({data.get('error')})"
    delay_s = max(1, round((data.get("retry_delay_ms") or 0) / 1000))
    attempt = f"{data.get('attempt')} of {data.get('max_retries')}"
    text = f"Claude's service {reason}. It is asked again in {delay_s} s, attempt {attempt}."
    return Notice(level="warning", code="api_retry", text=text[:_MAX_TEXT_CHARS])
