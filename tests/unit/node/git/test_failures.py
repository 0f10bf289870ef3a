"""What Git and servers say becomes one sentence with a code, without passwords and without walls of text."""

import pytest

from node.git.failures import act_refusal, locked
from node.git.process import Output
from ws.protocol.errors import ErrorCode


def said(stderr: str, stdout: str = "") -> tuple[ErrorCode, str]:
    error = act_refusal(Output(128, stdout.encode(), stderr, is_cut=False), "/r")
    return error.code, error.detail


@pytest.mark.parametrize(
    ("stderr", "code", "words"),
    [
        (
            "fatal: could not read Username for 'https://example.org': terminal prompts disabled",
            ErrorCode.FORBIDDEN,
            "wants a user name and password",
        ),
        (
            "remote: Invalid username or password.\nfatal: Authentication failed for 'https://u:secret@example.org/x/'",
            ErrorCode.FORBIDDEN,
            "wants a user name and password",
        ),
        (
            "git@example.org: Permission denied (publickey).\nfatal: Could not read from remote repository.\n",
            ErrorCode.FORBIDDEN,
            "ssh keys",
        ),
        ("Host key verification failed.\nfatal: Could not read from remote.", ErrorCode.FORBIDDEN, "is not known"),
        (
            "fatal: unable to access 'https://example.org/': The requested URL returned error: 403",
            ErrorCode.FORBIDDEN,
            "ask for access",
        ),
        (
            "fatal: unable to access 'https://e/': SSL certificate problem: self-signed certificate",
            ErrorCode.FORBIDDEN,
            "trust store",
        ),
        (
            "remote: error: GH006: Protected branch update failed.\n ! [remote rejected] x (hook declined)",
            ErrorCode.FORBIDDEN,
            "GH006: Protected branch update failed.",
        ),
        (
            " ! [remote rejected] main -> main (shallow update not allowed)",
            ErrorCode.CONFLICT,
            "shallow update not allowed",
        ),
        ("ERROR: Repository not found.\nfatal: Could not read from remote", ErrorCode.CONFLICT, "no repository at"),
        ("error: unable to write file x: No space left on device", ErrorCode.CONFLICT, "disk of that machine is full"),
        (
            "fatal: cannot lock ref 'refs/heads/a/b': 'refs/heads/a' exists; cannot create 'refs/heads/a/b'",
            ErrorCode.CONFLICT,
            "another name",
        ),
        ("fatal: transport 'ext' not allowed", ErrorCode.FORBIDDEN, "not by ext"),
        ("fatal: something never seen before", ErrorCode.CONFLICT, "Git refused: something never seen before"),
        ("", ErrorCode.CONFLICT, "it ended with code 128"),
    ],
)
def test_it_is_told_in_a_sentence(stderr: str, code: ErrorCode, words: str) -> None:
    found, detail = said(stderr)
    assert (found, words in detail) == (code, True), detail
    assert "secret" not in detail


def test_git_is_quoted_briefly_without_passwords_and_control_characters() -> None:
    _, detail = said("fatal: new trouble at https://user:secret@example.org/\033[31m" + "x" * 5000)
    assert "https://example.org/?[31m" in detail
    assert len(detail) < 400


@pytest.mark.parametrize(("age_s", "since"), [(None, "just now"), (61.0, "61 s"), (7000.0, "117 minutes"), (9e4, "25")])
def test_a_lock_says_how_old_it_is(age_s: float | None, since: str) -> None:
    error = locked("/r/.git/index.lock", age_s)
    assert since in error.detail
    assert error.retryable
