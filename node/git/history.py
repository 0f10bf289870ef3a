"""Commits: the log by pages, and one commit with what it changed."""

import asyncio
import re
from datetime import UTC, datetime

from node.git import patch
from node.git.names import file_of
from node.git.opening import Opened, Opener
from node.git.state import DIFF_OPTIONS
from ws.protocol.errors import ErrorCode, WireError, invalid
from ws.protocol.git import Commit, GitLogParams, GitLogResult, GitShowParams, GitShowResult

MAX_SUBJECT_CHARS = 500
MAX_LOG_BODY_CHARS = 2000
MAX_SHOW_BODY_CHARS = 60_000
_MAX_REFS = 50
"""Of one commit: a repository may have thousands of tags on one."""

_FIELDS = ("%H", "%P", "%an", "%ae", "%at", "%D", "%s", "%b")
_FORMAT = (
    "-z",
    f"--format=tformat:{'%n'.join(_FIELDS)}",
    "--encoding=UTF-8",
    "--decorate=full",
    "--no-color",
    "--no-notes",
    "--no-show-signature",
    "--no-ext-diff",
    "--no-textconv",
)
"""A field by line, the body last: no other one can hold a line end."""

_SHOW = ("show", "--format=", "--root", "--diff-merges=first-parent", "--no-show-signature", "--no-notes")

_CURSOR = re.compile(r"^([0-9a-f]{40,64}):(\d{1,9})\Z")


class HistoryService:
    """The commits of repositories. All raise WireError with the codes of API.md."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener

    async def log(self, params: GitLogParams) -> GitLogResult:
        """A page of commits, newest first. The cursor holds the commit that the first page began with, so commits that
        are made between two pages move nothing. With `file` renames are followed.
        """
        file = file_of(params.file, params.file_bytes)
        opened = await self._opener.open(params)
        start, skip = await _start(params, opened)
        if start is None:
            return GitLogResult(commits=[])
        only = ["--"] if file is None else ["--follow", "--", file]
        # `start` is an id, so it needs no --end-of-options, which would make a name of --follow.
        output = await opened.read(["log", *_FORMAT, f"--max-count={params.limit + 1}", f"--skip={skip}", start, *only])
        commits = await asyncio.to_thread(_parse, output.stdout, MAX_LOG_BODY_CHARS)
        has_more = len(commits) > params.limit or output.is_cut
        commits = commits[: params.limit]
        return GitLogResult(commits=commits, next_cursor=f"{start}:{skip + len(commits)}" if has_more else None)

    async def show(self, params: GitShowParams) -> GitShowResult:
        """One commit and its differences to its first parent, within the bounds of `node.git.patch`."""
        file = file_of(params.file, params.file_bytes)
        opened = await self._opener.open(params)
        commit = await opened.commit(params.ref)
        if commit is None:
            raise WireError(ErrorCode.NOT_FOUND, "`ref` names no commit of this repository; git.log lists them.")
        about = await opened.read(["log", *_FORMAT, "--max-count=1", commit, "--"])
        budget = patch.Budget() if file is None else patch.Budget(file_bytes=patch.MAX_DIFF_BYTES)
        output = await opened.read([*_SHOW, *DIFF_OPTIONS, commit, "--", *([] if file is None else [file])])
        files = await asyncio.to_thread(patch.parse, output.stdout, budget, is_cut=output.is_cut)
        (found,) = _parse(about.stdout, MAX_SHOW_BODY_CHARS)
        return GitShowResult(commit=found, files=files, truncated=budget.is_spent or None)


async def _start(params: GitLogParams, opened: Opened) -> tuple[str | None, int]:
    """The commit to begin with and how many to pass over; None before the first commit."""
    if params.cursor is None:
        start = await opened.commit("HEAD" if params.ref is None else params.ref)
        if start is None and params.ref is not None:
            raise WireError(ErrorCode.NOT_FOUND, "`ref` names no commit of this repository; git.branches lists some.")
        return start, 0
    found = _CURSOR.match(params.cursor)
    start = None if found is None else await opened.commit(found[1])
    if found is None or start is None:
        raise invalid("cursor", "`cursor` is not one that this repository gave; begin again without it.")
    return start, int(found[2])


def _parse(raw: bytes, max_body: int) -> list[Commit]:
    """All commits whose fields are whole; a body may be cut."""
    records = raw.split(b"\0")
    found = []
    for record in records:
        lines = record.decode("utf-8", "replace").split("\n", len(_FIELDS) - 1)
        if len(lines) == len(_FIELDS):
            found.append(_commit(lines, max_body))
    return found


def _commit(lines: list[str], max_body: int) -> Commit:
    identity, parents, author, email, date, refs, subject, body = lines
    return Commit(
        id=identity,
        parents=parents.split(),
        author=author[:MAX_SUBJECT_CHARS],
        email=email[:MAX_SUBJECT_CHARS],
        date=timestamp(date),
        subject=subject[:MAX_SUBJECT_CHARS],
        refs=_refs(refs),
        body=body.rstrip("\n")[:max_body] or None,
    )


def _refs(decoration: str) -> list[str]:
    """Of `HEAD -> refs/heads/main, tag: refs/tags/v1` the names that people use."""
    names = [each.removeprefix("HEAD -> ").removeprefix("tag: ") for each in decoration.split(", ") if each]
    return [re.sub(r"^refs/(?:heads|tags|remotes)/", "", name) for name in names if name != "HEAD"][:_MAX_REFS]


def timestamp(seconds: str) -> str:
    """Unix time as the wire writes it. A commit may claim any time: beyond the calendar it is the beginning."""
    try:
        moment = datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        moment = datetime.fromtimestamp(0, UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
