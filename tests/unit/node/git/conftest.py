"""A repository, and the service over the folder that holds it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.git.runner import GitRunner
from node.git.service import GitService
from tests.support.repositories import TestRepository
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.git import GitDiffParams, GitDiffResult, GitStatusParams, GitStatusResult


def fence(root: Path) -> Callable[[str], Awaitable[Path]]:
    """What the files' guard does, in a few lines."""

    def resolve(path: str) -> Path:
        real = Path(path).resolve()
        if not real.is_relative_to(root):
            raise WireError(ErrorCode.FORBIDDEN, "outside")
        if not real.is_dir():
            raise WireError(ErrorCode.NOT_FOUND, "missing")
        return real

    async def off_the_loop(path: str) -> Path:
        return await asyncio.to_thread(resolve, path)

    return off_the_loop


@dataclass
class Git:
    """The service asked in few words."""

    service: GitService
    repository: TestRepository

    async def status(self, path: Path | None = None) -> GitStatusResult:
        return await self.service.status(GitStatusParams(node="n", path=str(path or self.repository.path)))

    async def diff(
        self, path: Path | None = None, *, staged: bool = False, base: str | None = None, file: str | None = None
    ) -> GitDiffResult:
        return await self.service.diff(
            GitDiffParams(node="n", path=str(path or self.repository.path), staged=staged, base=base, file=file)
        )


@pytest.fixture
def repository(tmp_path: Path) -> TestRepository:
    folder = tmp_path / "root"
    folder.mkdir()
    return TestRepository.make(folder)


@pytest.fixture
def git(repository: TestRepository) -> Git:
    runner = GitRunner(repository.environ)
    return Git(GitService(runner, fence(repository.path.parent)), repository)
