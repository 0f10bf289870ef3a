"""A repository that may be looked at: found, inside the roots, and with the settings without which Git must not run."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from node.git.drivers import Configured, Drivers
from node.git.failures import bare, no_repository, refusal
from node.git.process import Output
from node.git.repository import BareRepository, Repository, find
from node.git.runner import DEADLINE_S, MAX_OUTPUT_BYTES, GitRunner
from node.places import path_of
from ws.protocol.base import Located
from ws.protocol.errors import ErrorCode, WireError

Resolve = Callable[[str], Awaitable[Path]]
"""The fence of this node's file operations: the real path of a folder. Raises WireError outside the roots."""


@dataclass(frozen=True)
class Opened:
    """One repository as it was when it was opened; a later act opens it again."""

    repository: Repository
    configured: Configured
    runner: GitRunner

    @property
    def root(self) -> Path:
        return self.repository.root

    async def ask(
        self, arguments: Sequence[str], *, max_bytes: int = MAX_OUTPUT_BYTES, deadline_s: float = DEADLINE_S
    ) -> Output:
        """Run a reading command, whatever its exit code."""
        return await self.runner.run(
            arguments,
            directory=self.root,
            config=self.configured.overrides,
            max_bytes=max_bytes,
            deadline_s=deadline_s,
        )

    async def read(self, arguments: Sequence[str]) -> Output:
        """Run a reading command. Raises WireError when Git refuses."""
        output = await self.ask(arguments)
        if output.code and not output.is_cut:
            raise refusal(output, str(self.root))
        return output

    async def commit(self, ref: str) -> str | None:
        """The id of the commit that `ref` names; None when it names none. `ref` is never taken for an option."""
        output = await self.ask(["rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"])
        commit = output.stdout.decode("ascii", "replace").strip()
        return None if output.code or not commit.isalnum() else commit


class Opener:
    """Opens repositories. Repository, its `.git` and, for a linked worktree, the folder it shares must all lie inside
    the roots that `resolve_directory` guards, and so must the folders from which they borrow.
    """

    def __init__(self, runner: GitRunner, resolve_directory: Resolve) -> None:
        self._runner = runner
        self.resolve_directory = resolve_directory
        self._drivers = Drivers(runner)

    async def open(self, params: Located) -> Opened:
        """The repository around the place that a call names. Raises WireError."""
        path = path_of(params)
        folder = await self.resolve_directory(path)
        try:
            repository = await asyncio.to_thread(find, folder)
        except BareRepository as error:
            raise bare(str(error)) from error
        if repository is None:
            raise no_repository(path)
        await self._check_inside(repository, folder, path)
        return await self.reopen(repository)

    async def reopen(self, repository: Repository) -> Opened:
        """One that was opened before, with its configuration as it is now. Raises WireError."""
        configured = await self._drivers.configured(repository)
        for worktree in configured.worktrees:
            place = await asyncio.to_thread(os.path.realpath, repository.git_folder / worktree)
            if place != str(repository.root):
                raise WireError(
                    ErrorCode.CONFLICT,
                    f"The repository in {repository.root} keeps its files elsewhere (core.worktree); open that folder.",
                )
        return Opened(repository, configured, self._runner)

    async def _check_inside(self, repository: Repository, folder: Path, path: str) -> None:
        elsewhere = await asyncio.to_thread(repository.elsewhere)
        for part in dict.fromkeys((repository.root, repository.git_folder, repository.common_folder, *elsewhere)):
            if part == folder:
                continue  # judged already
            try:
                await self.resolve_directory(str(part))
            except WireError as error:
                if part == repository.root:
                    raise no_repository(path) from error
                raise
