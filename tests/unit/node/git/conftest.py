"""A repository, and the service over the folder that holds it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from node.git.runner import GitRunner
from node.git.service import GitService
from tests.support.repositories import TestRepository
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.git import GitDiffParams, GitDiffResult, GitStatusParams, GitStatusResult
from ws.protocol.ops import OPS
from ws.tasks import TaskOwner

Value = TypeVar("Value")


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


def called(call: Coroutine[Any, Any, Value]) -> asyncio.Task[Value]:
    """A call under way, which the test awaits or cancels."""
    return asyncio.get_running_loop().create_task(call, name="a caller")


@dataclass
class Git:
    """The service asked in few words."""

    service: GitService
    repository: TestRepository

    async def status(self, path: Path | None = None) -> GitStatusResult:
        return await self.service.status(GitStatusParams(node="n", path=str(path or self.repository.path)))

    async def do(self, op: str, path: Path | None = None, **fields: object) -> Any:
        """Call `git.OP` with fields as the wire brings them."""
        params = {"node": "n", "path": str(path or self.repository.path), **fields}
        return await getattr(self.service, op)(msgspec.convert(params, OPS[f"git.{op}"].params))

    async def refusal(self, op: str, path: Path | None = None, **fields: object) -> WireError:
        """The error with which the call is refused: one sentence that fits a line of the page."""
        with pytest.raises(WireError) as refused:
            await self.do(op, path, **fields)
        assert len(refused.value.detail) < 600
        assert refused.value.detail.isprintable()
        return refused.value

    async def diff(
        self, path: Path | None = None, *, staged: bool = False, base: str | None = None, file: str | None = None
    ) -> GitDiffResult:
        return await self.service.diff(
            GitDiffParams(node="n", path=str(path or self.repository.path), staged=staged, base=base, file=file)
        )


@dataclass
class Bin:
    """A trash that remembers what was put into it."""

    folder: Path
    names: list[str] = field(default_factory=list)

    async def put(self, path: Path) -> str:
        self.names.append(path.name)
        return str(await asyncio.to_thread(path.rename, self.folder / str(len(self.names))))


@pytest.fixture
def repository(tmp_path: Path) -> TestRepository:
    folder = tmp_path / "root"
    folder.mkdir()
    return TestRepository.make(folder)


@pytest.fixture
def identity(repository: TestRepository) -> None:
    """The account has said who it is."""
    repository.git("config", "--global", "user.name", "T")
    repository.git("config", "--global", "user.email", "t@example.org")


@pytest.fixture
def trash(tmp_path: Path) -> Bin:
    (tmp_path / "bin").mkdir()
    return Bin(tmp_path / "bin")


@pytest.fixture
async def git(repository: TestRepository, trash: Bin) -> AsyncIterator[Git]:
    runner, tasks = GitRunner(repository.environ), TaskOwner("git")
    service = GitService(runner, fence(repository.path.parent), tasks=tasks, trash=trash.put)
    yield Git(service, repository)
    await tasks.close()
