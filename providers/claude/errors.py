"""What went wrong with Claude, as one sentence with its remedy."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from providers.base import ProviderFailed
from providers.program import Exit

NOT_INSTALLED = (
    "Claude Code is not installed on this machine: install it (`npm install -g @anthropic-ai/claude-code`) "
    "or name its program in providers.claude.command."
)
RESUMES = "the next prompt starts it again and resumes the session"
NO_ANSWER = "run it by hand on this machine to see why, or name another program in providers.claude.command"


class SessionIdTaken(ProviderFailed):
    """A native session of the chosen id exists already."""


class ConversationGone(ProviderFailed):
    """There is no native session of the id to resume."""


class AnchorGone(ProviderFailed):
    """The native session cannot be resumed at that point."""


def sign_in(command: Sequence[str]) -> str:
    """How to sign in the CLI that `command` starts: by its whole path, since it is rarely on the PATH."""
    by_hand = shlex.join([*command, "auth", "login"])
    return f"run `{by_hand}` on this machine as the node's user, or start the node with ANTHROPIC_API_KEY set"


def not_signed_in(command: Sequence[str]) -> str:
    return f"Claude Code is not signed in: {sign_in(command)}."


def api_failure(kind: str | None, status: int | None, text: str, command: Sequence[str]) -> str:
    """Why a turn died of the model's API.

    `kind` is the SDK's AssistantMessage.error, `text` what the CLI printed, `command` what starts the CLI.
    """
    said = text.strip().splitlines()[0][:300] if text.strip() else f"API error {status}" if status else "unknown error"
    if kind == "authentication_failed" or status in {401, 403}:
        return f"Claude refused the login ({said}): {sign_in(command)}."
    if kind == "billing_error" or status == 402:
        return f"Claude's account has no credit left ({said}): check its billing page."
    if kind == "rate_limit" or status == 429:
        return f"Claude's usage limit is reached ({said}): wait until it resets, or choose another model."
    if kind == "model_not_found" or status == 404:
        return f"This model is not available to you ({said}): choose another one."
    if kind == "server_error" or (status is not None and status >= 500):
        return f"Claude's service failed ({said}): send the prompt again in a moment."
    if kind == "invalid_request" or status in {400, 413}:
        return f"Claude's service did not accept the request ({said}): shorten the prompt or start a new session."
    return f"The turn failed: {said}"


def process_failure(end: Exit, remedy: str = RESUMES) -> ProviderFailed | None:
    """Why the CLI ended; None when it was to."""
    if end.code == 0 or end.is_wanted:  # after a turn that failed the CLI exits with 1, however it is ended
        return None
    stderr = "\n".join(end.said)
    if "No conversation found with session ID" in stderr:
        return ConversationGone("Claude no longer has this conversation: start a new session in this folder.")
    if "No message found with message.uuid" in stderr:
        return AnchorGone(
            "Claude cannot go on from that point, because it has summarised the conversation since or has not kept it: "
            "choose a later one."
        )
    if "is already in use" in stderr:
        return SessionIdTaken("Claude already has a conversation of this id: resume it.")
    if "cannot be used with root" in stderr:
        return ProviderFailed(
            "Claude runs without asking as root only in a sandbox: choose another mode, or start the node with "
            "IS_SANDBOX=1 if this machine is one."
        )
    return ProviderFailed(f"{end}: {remedy}.")


@contextmanager
def refusals_of(what: str) -> Iterator[None]:
    """Turn every failure of a request to the CLI into :class:`ProviderFailed`, saying what Claude Code did not do."""
    try:
        yield
    except ProviderFailed:
        raise
    except TimeoutError as error:
        raise ProviderFailed(f"Claude Code did not {what} in time: try again.") from error
    except Exception as error:  # the SDK raises bare Exception for a request that the CLI refuses
        raise ProviderFailed(f"Claude Code would not {what}: {error}") from error
