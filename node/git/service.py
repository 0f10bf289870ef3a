"""Git of this node: what a repository's state is. Nothing that the repository brings along is run."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path, PurePosixPath

from node.git import patch, status, untracked
from node.git.drivers import Drivers
from node.git.failures import bare, no_repository, refusal
from node.git.repository import BareRepository, Repository, find
from node.git.runner import GitRunner, Output
from ws.protocol.errors import ErrorCode, WireError, invalid
from ws.protocol.git import DiffFile, GitDiffParams, GitDiffResult, GitStatusParams, GitStatusResult

_DIFF = (
    "diff",
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


class GitService:
    """The operations of `git.*`. All raise WireError with the codes of API.md.

    `resolve_directory` is the fence of this node's file operations: repository, its `.git` and, for a linked worktree,
    the folder it shares must all lie inside.
    """

    def __init__(self, runner: GitRunner, resolve_directory: Callable[[str], Awaitable[Path]]) -> None:
        self._runner = runner
        self._resolve_directory = resolve_directory
        self._drivers = Drivers(runner)

    async def status(self, params: GitStatusParams) -> GitStatusResult:
        """Branch, upstream and changed files; untracked folders are listed file by file.

        A submodule shows as changed when its commit is another, not for changes inside it.
        """
        repository, overrides = await self._looked_at(params.path)
        output = await self._git(status.COMMAND, repository, overrides)
        parsed, state = await asyncio.to_thread(
            lambda: (status.parse(output.stdout, is_cut=output.is_cut), repository.state())
        )
        return GitStatusResult(
            root=str(repository.root),
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
        file = None if params.file is None else _relative(params.file)
        repository, overrides = await self._looked_at(params.path)
        against = await self._against(params, repository, overrides)
        budget = patch.Budget() if file is None else patch.Budget(file_bytes=patch.MAX_DIFF_BYTES)
        only = [] if file is None else [file]
        output = await self._git([*_DIFF, *against, "--", *only], repository, overrides)
        files = await asyncio.to_thread(patch.parse, output.stdout, budget, is_cut=output.is_cut)
        if not params.staged and params.base is None:
            files += await self._untracked(repository, overrides, budget, only)
        return GitDiffResult(files=files, truncated=budget.is_spent or None)

    async def _looked_at(self, path: str) -> tuple[Repository, Mapping[str, str]]:
        """The repository around `path`, and the settings without which it must not be looked at."""
        folder = await self._resolve_directory(path)
        try:
            repository = await asyncio.to_thread(find, folder)
        except BareRepository as error:
            raise bare(str(error)) from error
        if repository is None:
            raise no_repository(path)
        for part in dict.fromkeys((repository.root, repository.git_folder, repository.common_folder)):
            if part == folder:
                continue  # judged above
            try:
                await self._resolve_directory(str(part))
            except WireError as error:
                if part == repository.root:
                    raise no_repository(path) from error
                raise
        configured = await self._drivers.configured(repository)
        for worktree in configured.worktrees:
            place = await asyncio.to_thread(os.path.realpath, repository.git_folder / worktree)
            if place != str(repository.root):
                raise WireError(
                    ErrorCode.CONFLICT,
                    f"The repository in {repository.root} keeps its files elsewhere (core.worktree); open that folder.",
                )
        return repository, configured.overrides

    async def _against(
        self, params: GitDiffParams, repository: Repository, overrides: Mapping[str, str]
    ) -> tuple[str, ...]:
        if params.staged:
            return ("--cached",)
        if params.base is None:
            return ("--ours",)  # else Git writes a file with conflicts as a combined diff
        output = await self._runner.run(
            ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{params.base}^{{commit}}"],
            directory=repository.root,
            config=overrides,
        )
        commit = output.stdout.decode("ascii", "replace").strip()
        if output.code or not commit.isalnum():
            raise invalid("base", "`base` names no commit of this repository.")
        return (commit,)

    async def _untracked(
        self, repository: Repository, overrides: Mapping[str, str], budget: patch.Budget, only: list[str]
    ) -> list[DiffFile]:
        names = await self._git([*untracked.COMMAND, "--", *only], repository, overrides)
        return await asyncio.to_thread(untracked.read_all, repository.root, names.stdout, budget, is_cut=names.is_cut)

    async def _git(
        self, arguments: list[str] | tuple[str, ...], repository: Repository, overrides: Mapping[str, str]
    ) -> Output:
        output = await self._runner.run(arguments, directory=repository.root, config=overrides)
        if output.code and not output.is_cut:
            raise refusal(output, str(repository.root))
        return output


def _relative(file: str) -> str:
    """A path inside the repository as Git takes it. Raises WireError invalid."""
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or "\0" in file:
        raise invalid("file", "`file` must be a path below the root of the repository, without `..`.")
    try:
        os.fsencode(file)
    except UnicodeEncodeError as error:
        raise invalid("file", "`file` holds characters that no file name can.") from error
    return file
