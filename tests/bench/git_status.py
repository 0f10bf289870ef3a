"""git.status of repositories with 2,000 and 20,000 files against plain git: ``python -m tests.bench.git_status``.

Target: at most 1.3 times plain `git status --porcelain=v2 -z` in the same run; a few files are changed and untracked.
"""

import asyncio
import subprocess
import tempfile
from pathlib import Path

import uvloop

from node.files.guard import PathGuard
from node.files.pool import FilePool
from node.git.runner import GitRunner
from node.git.service import GitService
from tests.bench.files_list import medians_ms
from tests.bench.report import Row, table
from tests.support.repositories import TestRepository
from ws.protocol.git import GitStatusParams, GitStatusResult

SIZES = (2_000, 20_000)


def _make(folder: Path, files: int) -> TestRepository:
    repository = TestRepository.make(folder)
    for number in range(files):
        repository.write(f"package{number // 100}/file{number}.py", f"{number}\n")
    repository.commit()
    for number in range(10):
        repository.write(f"package0/file{number}.py", "changed\n")
        repository.write(f"package1/new{number}.py", "new\n")
    repository.git("status")
    return repository


def _plain(repository: TestRepository) -> None:
    command = ["git", "status", "--porcelain=v2", "-z", "--branch"]
    subprocess.run(command, cwd=repository.path, env=repository.environ, check=True, capture_output=True)


async def measure() -> list[Row]:
    """Three rows a size: the operation, its first look at a repository (which reads its configuration), plain git."""
    rows = []
    pool = FilePool()
    for files in SIZES:
        with tempfile.TemporaryDirectory(prefix="switchyard-bench-") as name:
            folder = Path(name) / "root"
            folder.mkdir()
            repository = _make(folder, files)
            guard = PathGuard([folder], pool)
            runner = GitRunner(repository.environ)
            service = GitService(runner, guard.resolve_directory)
            params = GitStatusParams(node="n", path=str(repository.path))

            async def later(service: GitService = service, params: GitStatusParams = params) -> GitStatusResult:
                return await service.status(params)

            async def first(
                runner: GitRunner = runner, guard: PathGuard = guard, params: GitStatusParams = params
            ) -> GitStatusResult:
                return await GitService(runner, guard.resolve_directory).status(params)

            async def plain(repository: TestRepository = repository) -> None:
                await asyncio.to_thread(_plain, repository)

            ours, cold, bare = await medians_ms(later, first, plain)
            rows.append(Row(f"git.status, {files:,} files", ours, "ms", f"ratio {ours / bare:.2f}, target 1.3"))
            rows.append(Row(f"git.status, {files:,} files, first look", cold, "ms", f"ratio {cold / bare:.2f}"))
            rows.append(Row(f"plain git status, {files:,} files", bare, "ms"))
    pool.close()
    return rows


def main() -> None:
    """Print it."""
    print(table("Git", uvloop.run(measure())))


if __name__ == "__main__":
    main()
