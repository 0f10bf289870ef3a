"""Search of 100,000 files by content and by name, against plain rg: ``python -m tests.bench.search``.

Targets: the first hit within 100 ms, all within 1.3 times plain `rg` in the same run. The query is found in one file of
a thousand; the plain command prints text, ours reads and decodes every hit.
"""

import asyncio
import os
import subprocess
import tempfile
import time
from pathlib import Path

import uvloop

from node.context import Subscribed
from node.files.guard import PathGuard
from node.files.pool import FilePool
from node.files.search import ripgrep
from node.files.search.ripgrep import Ripgrep
from node.files.search.service import SearchService
from tests.bench.files_list import medians_ms
from tests.bench.report import Row, table
from ws.protocol.files import FilesFindParams, FilesGrepParams, FilesSearchDone

FILES = 100_000
IN_A_FOLDER = 100
LINES = "".join(f"line {number} of a file that holds nothing in particular\n" for number in range(20))
FIRST_TARGET_MS = 100
RATIO = 1.3


def _make(folder: Path) -> None:
    for number in range(FILES):
        if number % IN_A_FOLDER == 0:
            (folder / f"package{number // IN_A_FOLDER}").mkdir()
        text = f"{LINES}needle\n" if number % 1000 == 0 else LINES
        (folder / f"package{number // IN_A_FOLDER}/file{number}.py").write_text(text)


def _plain(program: str, folder: Path, *arguments: str) -> None:
    command = [program, "--no-config", "--hidden", *arguments, "."]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


async def _first_ms(answer: Subscribed) -> tuple[float, int]:
    """When the first event came, and how many hits there were in all."""
    began, first, found = time.perf_counter(), None, None
    async for event in answer.events:  # to its end: a search keeps its place until then
        first = first or (time.perf_counter() - began) * 1000
        if isinstance(event, FilesSearchDone):
            found = event.found
    assert first is not None
    assert found is not None, "a search ends with what it found"
    return first, found


def _note(what: str, ratio: float) -> str:
    """Finding by name has no target: plain `rg --files` ranks nothing."""
    return f"ratio {ratio:.2f}, target {RATIO}" if what == "grep" else f"ratio {ratio:.2f}"


async def measure() -> list[Row]:
    """The first hit, all hits, and plain rg, by content and by name."""
    pool = FilePool()
    rows = []
    with tempfile.TemporaryDirectory(prefix="switchyard-bench-") as name:
        folder = Path(name)
        _make(folder)
        environment = {"PATH": os.defpath}
        program = ripgrep._find(os.defpath)
        service = SearchService(PathGuard([folder], pool), pool, Ripgrep(environment))
        grep = FilesGrepParams(node="n", path=name, query="needle")
        find = FilesFindParams(node="n", path=name, query="p9file99")
        firsts: dict[str, list[float]] = {"grep": [], "find": []}

        async def by_content() -> None:
            first, found = await _first_ms(await service.grep(grep))
            assert found == FILES // 1000
            firsts["grep"].append(first)

        async def by_name() -> None:
            first, _ = await _first_ms(await service.find(find))
            firsts["find"].append(first)

        async def plain_content() -> None:
            await asyncio.to_thread(_plain, program, folder, "needle")

        async def plain_names() -> None:
            await asyncio.to_thread(_plain, program, folder, "--files")

        for what, ours, plain in (("grep", by_content, plain_content), ("find", by_name, plain_names)):
            mine, bare = await medians_ms(ours, plain)
            first = sorted(firsts[what])[len(firsts[what]) // 2]
            rows.append(Row(f"files.{what}, first hit", first, "ms", f"target {FIRST_TARGET_MS}"))
            rows.append(Row(f"files.{what}, {FILES:,} files", mine, "ms", _note(what, mine / bare)))
            rows.append(Row(f"plain rg, {FILES:,} files", bare, "ms"))
    pool.close()
    return rows


def main() -> None:
    """Print it."""
    print(table("Search", uvloop.run(measure())))


if __name__ == "__main__":
    main()
