"""What a repository's state is. Nothing that the repository brings along is run."""

import asyncio
import os

from node.git import patch, status, untracked
from node.git.names import file_of
from node.git.opening import Opened, Opener
from ws.protocol.errors import invalid
from ws.protocol.git import DiffFile, GitDiffParams, GitDiffResult, GitStatusParams, GitStatusResult

DIFF_OPTIONS = (
    "--patch",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--find-renames",
    "--unified=3",
    "--inter-hunk-context=0",
    "--no-relative",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--submodule=short",  # the other forms run Git inside the submodule
    "--ignore-submodules=dirty",
    "-O/dev/null",  # diff.orderFile could name a pipe
)


class StateService:
    """The state of repositories. All raise WireError with the codes of API.md."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener

    async def status(self, params: GitStatusParams) -> GitStatusResult:
        """Branch, upstream and changed files; untracked folders are listed file by file.

        A submodule shows as changed when its commit is another, not for changes inside it.
        """
        opened = await self._opener.open(params)
        output = await opened.read(status.COMMAND)
        parsed, state = await asyncio.to_thread(
            lambda: (status.parse(output.stdout, is_cut=output.is_cut), opened.repository.state())
        )
        return GitStatusResult(
            root=os.fsencode(opened.root).decode("utf-8", "replace"),
            branch=parsed.branch,
            ahead=parsed.ahead,
            behind=parsed.behind,
            state=state,
            files=parsed.files,
            upstream=parsed.upstream,
            head=parsed.head,
            truncated=parsed.is_truncated or None,
        )

    async def diff(self, params: GitDiffParams) -> GitDiffResult:
        """Differences within the bounds of `node.git.patch`; what is left out is told by `truncated`.

        Untracked files are part of it, all lines added, when the worktree is compared with the index, and not when it
        is compared with a commit or the index with HEAD: there they are what Git itself leaves out. Of a file with
        conflicts it shows the worktree against our side.
        """
        if params.staged and params.base is not None:
            raise invalid("base", "`staged` and `base` exclude each other: choose what to compare with.")
        file = file_of(params.file, params.file_bytes)
        opened = await self._opener.open(params)
        against = await _against(params, opened)
        budget = patch.Budget() if file is None else patch.Budget(file_bytes=patch.MAX_DIFF_BYTES)
        only = [] if file is None else [file]
        output = await opened.read(["diff", *DIFF_OPTIONS, *against, "--", *only])
        files = await asyncio.to_thread(patch.parse, output.stdout, budget, is_cut=output.is_cut)
        if not params.staged and params.base is None:
            files += await _untracked(opened, budget, only)
        return GitDiffResult(files=files, truncated=budget.is_spent or None)


async def _against(params: GitDiffParams, opened: Opened) -> tuple[str, ...]:
    if params.staged:
        return ("--cached",)
    if params.base is None:
        return ("--ours",)  # else Git writes a file with conflicts as a combined diff
    commit = await opened.commit(params.base)
    if commit is None:
        raise invalid("base", "`base` names no commit of this repository; git.branches lists some.")
    return (commit,)


async def _untracked(opened: Opened, budget: patch.Budget, only: list[str]) -> list[DiffFile]:
    names = await opened.read([*untracked.COMMAND, "--", *only])
    return await asyncio.to_thread(untracked.read_all, opened.root, names.stdout, budget, is_cut=names.is_cut)
