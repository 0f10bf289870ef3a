"""git.log of 100,000 commits and git.branches of 5,000 against plain git: ``python -m tests.bench.git_log``.

Targets: the first page at most 2 times plain `git log` of the same page (we first ask for the commit that it begins
with) and below 100 ms; a page far down costs what plain `git log --skip` costs. Branches below 1 s.
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
from ws.protocol.git import GitBranchesResult, GitLogParams, GitLogResult, GitStatusParams

COMMITS = 100_000
BRANCHES = 5_000
FAR = 90_000
_PLAIN = ("--decorate=full", "--format=%H %P %an %ae %at %D %s %b")


def _make(folder: Path) -> TestRepository:
    repository = TestRepository.make(folder)
    lines = []
    for number in range(COMMITS):
        message = f"Change number {number}\n\nBecause it was wrong.\n"
        content = f"{number}\n"
        lines.append(
            f"commit refs/heads/main\ncommitter A <a@example.org> {1_600_000_000 + number * 60} +0000\n"
            f"data {len(message)}\n{message}"
            f"M 100644 inline file{number % 100}\ndata {len(content)}\n{content}\n"
        )
    _git(repository, "fast-import", "--quiet", stdin="".join(lines))
    head = repository.git("rev-parse", "main").strip()
    _git(
        repository,
        *("update-ref", "--stdin"),
        stdin="".join(f"create refs/heads/b{number} {head}\n" for number in range(BRANCHES)),
    )
    repository.git("pack-refs", "--all")
    repository.git("reset", "-q", "--hard")
    return repository


def _git(repository: TestRepository, *arguments: str, stdin: str = "") -> None:
    command = ["git", *arguments]
    subprocess.run(
        command, cwd=repository.path, env=repository.environ, input=stdin, text=True, check=True, capture_output=True
    )


async def measure() -> list[Row]:
    """Our page and plain git's, at the top and far down; branches."""
    pool = FilePool()
    with tempfile.TemporaryDirectory(prefix="switchyard-bench-") as name:
        folder = Path(name) / "root"
        folder.mkdir()
        repository = await asyncio.to_thread(_make, folder)
        service = GitService(GitRunner(repository.environ), PathGuard([folder], pool).resolve_directory)
        path = str(repository.path)
        head = repository.git("rev-parse", "HEAD").strip()

        async def first() -> GitLogResult:
            return await service.log(GitLogParams(node="n", path=path))

        async def far() -> GitLogResult:
            return await service.log(GitLogParams(node="n", path=path, cursor=f"{head}:{FAR}"))

        async def plain() -> None:
            await asyncio.to_thread(_git, repository, "log", "--max-count=51", *_PLAIN)

        async def plain_far() -> None:
            await asyncio.to_thread(_git, repository, "log", "--max-count=51", f"--skip={FAR}", *_PLAIN)

        async def branches() -> GitBranchesResult:
            return await service.branches(GitStatusParams(node="n", path=path))

        ours, bare, ours_far, bare_far, listed = await medians_ms(first, plain, far, plain_far, branches)
    pool.close()
    return [
        Row("git.log, first page of 100,000", ours, "ms", f"ratio {ours / bare:.2f}, target 2"),
        Row("plain git log, the same page", bare, "ms"),
        Row("git.log, page at 90,000", ours_far, "ms", f"ratio {ours_far / bare_far:.2f}"),
        Row("plain git log, the same page", bare_far, "ms"),
        Row(f"git.branches, {BRANCHES:,}", listed, "ms", "target 1000"),
    ]


def main() -> None:
    """Print it."""
    print(table("Git history", uvloop.run(measure())))


if __name__ == "__main__":
    main()
