"""Every failure of Claude is one sentence with a remedy."""

import pytest

from providers.base import ProviderFailed
from providers.claude.errors import ConversationGone, SessionIdTaken, api_failure, process_failure, refusals_of
from providers.program import Exit

COMMAND = ("/opt/my tools/claude",)


@pytest.mark.parametrize(
    ("kind", "status", "remedy"),
    [
        ("authentication_failed", None, "auth login"),
        (None, 401, "`'/opt/my tools/claude' auth login`"),
        (None, 403, "ANTHROPIC_API_KEY"),
        ("billing_error", None, "billing page"),
        ("rate_limit", 429, "another model"),
        ("model_not_found", 404, "choose another"),
        ("server_error", 529, "again in a moment"),
        (None, 500, "again in a moment"),
        ("invalid_request", 400, "shorten the prompt"),
    ],
)
def test_an_api_failure_names_its_remedy(kind: str | None, status: int | None, remedy: str) -> None:
    sentence = api_failure(kind, status, "API Error: it said no\nwith details", COMMAND)
    assert remedy in sentence
    assert "it said no" in sentence
    assert "details" not in sentence


def test_an_unknown_api_failure_is_shown_as_it_is() -> None:
    assert "it said no" in api_failure(None, None, "it said no", COMMAND)


@pytest.mark.parametrize(
    ("code", "stderr", "kind", "words"),
    [
        (1, "No conversation found with session ID: x", ConversationGone, "new session"),
        (1, "Error: Session ID x is already in use.", SessionIdTaken, "resume it"),
        (1, "--dangerously-skip-permissions cannot be used with root", ProviderFailed, "IS_SANDBOX=1"),
        (-9, "", ProviderFailed, "signal 9"),
        (3, "first\nlast words", ProviderFailed, "exit code 3 (last words)"),
    ],
)
def test_the_end_of_the_cli_says_why(code: int, stderr: str, kind: type[ProviderFailed], words: str) -> None:
    failure = process_failure(Exit("Claude Code", code, tuple(stderr.splitlines())))
    assert type(failure) is kind
    assert words in str(failure)


def test_whatever_the_sdk_raises_becomes_one_kind_of_failure() -> None:
    with pytest.raises(ProviderFailed, match="would not change: no such mode"), refusals_of("change"):
        raise Exception("no such mode")  # noqa: TRY002 - what the SDK raises
    with pytest.raises(ProviderFailed, match="did not change in time"), refusals_of("change"):
        raise TimeoutError
