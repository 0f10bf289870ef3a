"""What Git refuses, as one sentence and one code."""

from node.git.runner import Output
from ws.protocol.errors import ErrorCode, WireError


def refusal(output: Output, root: str) -> WireError:
    """The error for a command that failed. Git's own words are English because of LC_ALL=C."""
    said = output.stderr
    if "dubious ownership" in said:
        return WireError(
            ErrorCode.FORBIDDEN,
            f"Git does not trust {root} because it belongs to another account. If you do, run on that machine:"
            f" git config --global --add safe.directory {root}",
        )
    if "not a git repository" in said:
        return no_repository(root)
    if "must be run in a work tree" in said or "cannot use bare repository" in said:
        return bare(root)
    first = next((line for line in said.splitlines() if line.startswith(("fatal:", "error:"))), said.strip()[:200])
    words = first.partition(":")[2].strip() or first or f"it ended with code {output.code}"
    return WireError(ErrorCode.CONFLICT, f"Git cannot read this repository: {_printable(words)}")


def no_repository(path: str) -> WireError:
    """`path` lies in no repository that this node opens."""
    return WireError(ErrorCode.NOT_FOUND, f"{_printable(path)} is in no Git repository; `git init` makes one.")


def bare(path: str) -> WireError:
    """A repository without files."""
    return WireError(
        ErrorCode.CONFLICT, f"{_printable(path)} is a bare repository: it has no files whose state could be shown."
    )


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text[:300])
