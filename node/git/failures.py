"""What Git refuses, as one sentence and one code."""

import os
import re

from node.git.process import Output
from node.git.sentences import KNOWN
from node.git.trust import printable
from ws.protocol.errors import ErrorCode, WireError

MAX_QUOTED_CHARS = 300
"""Of Git's or a hook's own words in a sentence."""

_USER_IN_URL = re.compile(r"(\b[a-z+]+://)[^/@\s]+@")


def refusal(output: Output, root: str) -> WireError:
    """The error for a reading command that failed. Git's own words are English because of LC_ALL=C."""
    return _about_repository(output.stderr, root) or WireError(
        ErrorCode.CONFLICT, f"Git cannot read this repository: {quoted(output)}"
    )


def act_refusal(output: Output, root: str) -> WireError:
    """The error for an act that failed, with its cause and what to do."""
    said = f"{output.stderr}\n{output.stdout.decode('utf-8', 'replace')}"
    about = _about_repository(said, root)
    if about is not None:
        return about
    for pattern, code, sentence in KNOWN:
        found = re.search(pattern, said)
        if found is not None:
            why = printable(_clean(found.groupdict().get("why") or ""))
            filled = {"why": why, "words": quoted(output), "remote": _remote_words(said), "files": _files(said)}
            return WireError(code, sentence.format_map(filled).replace("  ", " "))
    return WireError(ErrorCode.CONFLICT, f"Git refused: {quoted(output)}")


def locked(lock: str, age_s: float | None) -> WireError:
    """Another Git holds a lock."""
    since = "just now" if age_s is None or age_s < 2 else f"for {_spoken(age_s)}"
    return WireError(
        ErrorCode.CONFLICT,
        f"Another Git holds {printable(lock)} {since}. Try again; if no Git runs in this repository, delete that file.",
        retryable=True,
    )


def no_repository(path: str) -> WireError:
    """`path` lies in no repository that this node opens."""
    return WireError(ErrorCode.NOT_FOUND, f"{_path(path)} is in no Git repository; `git init` makes one.")


def bare(path: str) -> WireError:
    """A repository without files."""
    return WireError(
        ErrorCode.CONFLICT, f"{_path(path)} is a bare repository: it has no files; clone it and open the clone."
    )


def quoted(output: Output) -> str:
    """Git's own words: its error where it says one, else the end of what it printed."""
    said = _clean(output.stderr.strip() or output.stdout.decode("utf-8", "replace").strip())
    lines = [line.strip() for line in re.split(r"[\r\n]+", said) if line.strip()]
    lines = [line for line in lines if not line.startswith("error: failed to push some refs")]
    first = next((line for line in lines if line.startswith(("fatal:", "error:"))), None)
    if first is not None:
        return printable(first.partition(":")[2].strip(), MAX_QUOTED_CHARS)
    return printable(" / ".join(lines)[-MAX_QUOTED_CHARS:]) or f"it ended with code {output.code}"


def _about_repository(said: str, root: str) -> WireError | None:
    if "dubious ownership" in said and root in said:
        return WireError(
            ErrorCode.FORBIDDEN,
            f"Git does not trust {_path(root)} because it belongs to another account. If you do, run on that machine:"
            f" git config --global --add safe.directory {_path(root)}",
        )
    if "not a git repository (" in said:
        return no_repository(root)
    if "must be run in a work tree" in said or "cannot use bare repository" in said:
        return bare(root)
    return None


def _remote_words(said: str) -> str:
    lines = [line.removeprefix("remote:").strip() for line in said.splitlines() if line.startswith("remote:")]
    words = " / ".join(line for line in lines if line.strip("=- "))
    return printable(_clean(words), MAX_QUOTED_CHARS) or "it says no reason."


def _files(said: str) -> str:
    names = [line.strip() for line in said.splitlines() if line.startswith("\t")]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return printable(", ".join(names[:5]), MAX_QUOTED_CHARS) + more + "."


def _clean(text: str) -> str:
    """Without the user names and passwords of addresses."""
    return _USER_IN_URL.sub(r"\1", text)


def _spoken(age_s: float) -> str:
    if age_s < 120:
        return f"{age_s:.0f} s"
    return f"{age_s / 60:.0f} minutes" if age_s < 7200 else f"{age_s / 3600:.0f} hours"


def _path(path: str) -> str:
    return printable(os.fsencode(path).decode("utf-8", "replace"), 4096)
