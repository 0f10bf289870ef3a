"""What Codex tells beside its answer: retries, warnings, and what a newer one has and we do not know."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from providers.bounds import clipped
from providers.codex.errors import first_line
from ws.protocol.events import Notice

MAX_TEXT_CHARS = 500

_SILENT = (
    "account/", "app/", "attestation/", "autoApprovalReview/", "command/", "externalAgentConfig/", "fs/",
    "fuzzyFileSearch/", "hook/", "item/autoApprovalReview/", "item/commandExecution/terminalInteraction",
    "item/fileChange/outputDelta", "item/mcpToolCall/progress", "mcpServer/", "model/safetyBuffering/",
    "model/verification", "modelProvider/", "process/", "project/", "rawResponse", "remoteControl/", "serverRequest/",
    "skills/", "thread/", "turn/", "windows",
)  # fmt: skip
"""Known, and either followed elsewhere or nothing for people."""


def notice(method: str, params: Mapping[str, Any], told: set[str]) -> Iterator[Notice]:
    """What is worth telling of a notification. What is unknown is told once (kept in `told`)."""
    if (tell := _TOLD.get(method)) is not None:
        yield tell(params)
    elif not method.startswith(_SILENT):
        yield from unknown(method, told)


def retry(error: Mapping[str, Any]) -> Notice:
    """The model is asked again by Codex itself."""
    said = first_line(error.get("message"))
    details = error.get("additionalDetails")
    text = f"The model's service failed: {first_line(details)}. {said}" if details else said
    return Notice(level="warning", code="api_retry", text=clipped(text, MAX_TEXT_CHARS))


def unknown(name: str, told: set[str]) -> Iterator[Notice]:
    if name not in told:
        told.add(name)
        yield Notice(level="info", code="unknown_event", text=f"Codex sent something new: {name[:100]}.")


def compacted() -> Notice:
    return Notice(level="info", code="compacted", text="The conversation was summarised to make room.")


def warning(text: str) -> Notice:
    return Notice(level="warning", code="agent_warning", text=clipped(text, MAX_TEXT_CHARS))


def _warning(params: Mapping[str, Any]) -> Notice:
    return warning(str(params.get("message") or ""))


def _rerouted(params: Mapping[str, Any]) -> Notice:
    text = f"The answer comes from {params.get('toModel')} instead of {params.get('fromModel')}."
    return Notice(level="warning", code="model_rerouted", text=text)


_TOLD: Mapping[str, Callable[[Mapping[str, Any]], Notice]] = {
    "warning": _warning,
    "guardianWarning": _warning,
    "model/rerouted": _rerouted,
}
