"""What went wrong with Codex, as one sentence with its remedy."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from providers.base import ProviderFailed

NOT_INSTALLED = (
    "Codex is not installed on this machine: install it (`npm install -g @openai/codex`) or name its program in "
    "providers.codex.command."
)
RESUMES = "the next prompt starts it again and resumes the session"
BY_HAND = "run it by hand on this machine to see why, or name another program in providers.codex.command"
ENDED = f"Codex has ended: {RESUMES}."
NOT_FOLLOWED = f"This node could not follow Codex (its log says why): {RESUMES}."
DECLINED = "The user declined this."

_MAX_SAID_CHARS = 300

_BY_KIND = {
    "contextWindowExceeded": "The conversation no longer fits the model ({said}): send /compact or start another.",
    "usageLimitExceeded": "Codex's usage limit is reached ({said}): wait until it resets, or choose another model.",
    "rateLimitExceeded": "Codex's usage limit is reached ({said}): wait until it resets, or choose another model.",
    "sessionBudgetExceeded": "The budget of this session is used up ({said}): start a new session.",
    "serverOverloaded": "The model's service is overloaded ({said}): send the prompt again in a moment.",
    "internalServerError": "The model's service failed ({said}): send the prompt again in a moment.",
    "modelNotFound": "This model is not available to you ({said}): choose another one.",
    "badRequest": "The model's service did not accept the request ({said}): shorten the prompt or start a new session.",
    "sandboxError": "Codex could not set its sandbox up ({said}): choose another mode, or install bubblewrap.",
    "cyberPolicy": "The model's provider refused this by its policy ({said}): ask for something else.",
}


class ThreadGone(ProviderFailed):
    """There is no native session of the id to resume."""


def sign_in(command: Sequence[str]) -> str:
    """How to sign in the CLI that `command` starts, by its whole path."""
    by_hand = shlex.join([*command, "login"])
    return f"run `{by_hand}` (codex login) on this machine as the node's user"


def not_signed_in(command: Sequence[str]) -> str:
    return f"Codex is not signed in: {sign_in(command)}."


def turn_failure(error: Mapping[str, Any] | None, command: Sequence[str]) -> str:
    """Why a turn failed, by the `error` of its `turn/completed`."""
    error = error or {}
    said = first_line(error.get("message"))
    kind, status = _kind(error.get("codexErrorInfo"))
    status = status or _status_in(said)
    if kind == "unauthorized" or status in {401, 403}:
        return f"The model's service refused the login ({said}): {sign_in(command)}."
    if "Missing environment variable" in said:
        return f"Codex lacks its key ({said}): set it in providers.codex.env, or start the node with it."
    if kind in _BY_KIND:
        return _BY_KIND[kind].format(said=said)
    if status == 429:
        return _BY_KIND["rateLimitExceeded"].format(said=said)
    if status == 404:
        return _BY_KIND["modelNotFound"].format(said=said)
    if status is not None and status >= 500:
        return _BY_KIND["internalServerError"].format(said=said)
    if kind in {"httpConnectionFailed", "responseStreamConnectionFailed", "responseStreamDisconnected"}:
        return f"The model's service cannot be reached ({said}): check this machine's network, then send it again."
    return f"The turn failed ({said}): send the prompt again."


def refused(what: str, error: Mapping[str, Any]) -> ProviderFailed:
    """What Codex answered to a request that it did not take."""
    said = first_line(error.get("message"))
    if "no rollout found" in said or "not found" in said.lower():
        return ThreadGone("Codex no longer has this conversation: start a new session in this folder.")
    if "active writer" in said:
        return ProviderFailed(
            "This conversation is open in another Codex on this machine: end that one, then send the prompt again."
        )
    return ProviderFailed(f"Codex would not {what}: {said}")


def first_line(text: Any) -> str:
    """The first line of what Codex said, for a sentence."""
    lines = str(text or "").strip().splitlines()
    return lines[0][:_MAX_SAID_CHARS] if lines else "no reason given"


def _kind(info: Any) -> tuple[str, int | None]:
    """`codexErrorInfo` is a word, or an object with one member that may hold the status of HTTP."""
    if isinstance(info, Mapping) and info:
        kind, detail = next(iter(info.items()))
        status = detail.get("httpStatusCode") if isinstance(detail, Mapping) else None
        return str(kind), status if isinstance(status, int) else None
    return str(info or ""), None


def _status_in(said: str) -> int | None:
    """0.153 tells some errors of HTTP only in words: "unexpected status 401 Unauthorized: …"."""
    _, found, rest = said.partition("unexpected status ")
    number = rest[:3]
    return int(number) if found and number.isdigit() else None
