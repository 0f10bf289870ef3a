"""First page of a folder with 5,000 and with 100,000 files: ``python -m tests.bench.files_list``.

Targets: 15 ms and 120 ms. The reference reads the names and asks `stat` for one page, in no order, in the same run.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from node.files.guard import PathGuard
from node.files.pool import FilePool
from node.files.service import FilesService
from tests.bench.report import Row, table
from ws.protocol.files import FilesListParams, FilesListResult

ROUNDS = 15
PAGE = 500
SIZES = ((5_000, 15), (100_000, 120))


async def medians_ms(*works: Callable[[], Awaitable[object]]) -> list[float]:
    """Of `ROUNDS` runs each, taken in turns so that a busy machine slows all alike, after one that warms the caches."""
    taken: list[list[float]] = [[] for _ in works]
    for number in range(ROUNDS + 1):
        for work, times in zip(works, taken, strict=True):
            began = time.perf_counter()
            await work()
            if number:
                times.append((time.perf_counter() - began) * 1000)
    return [statistics.median(times) for times in taken]


def _reference(folder: Path) -> int:
    with os.scandir(folder) as entries:
        found = [(entry.is_dir(follow_symlinks=False), entry.name) for entry in entries]
    return sum(os.stat(folder / name).st_size for _, name in found[:PAGE])  # noqa: PTH116  as fast as Python is


async def measure() -> list[Row]:
    """Two rows a size: the service and the reference."""
    rows = []
    pool = FilePool()
    for size, target_ms in SIZES:
        with tempfile.TemporaryDirectory(prefix="switchyard-bench-") as name:
            folder = Path(name)
            for number in range(size):
                (folder / f"file-{number}.txt").touch()
            service = FilesService(PathGuard([folder], pool), pool, max_read_bytes=1 << 20)
            params = FilesListParams(node="n", path=name, limit=PAGE)

            async def first_page(service: FilesService = service, params: FilesListParams = params) -> FilesListResult:
                return await service.list(params)

            async def reference(folder: Path = folder) -> int:
                return await asyncio.to_thread(_reference, folder)

            ours, plain = await medians_ms(first_page, reference)
            rows.append(Row(f"files.list, first page of {size:,}", ours, "ms", f"target {target_ms}"))
            rows.append(Row(f"names of {size:,} and stat of {PAGE}", plain, "ms", f"ratio {ours / plain:.2f}"))
    pool.close()
    return rows


def main() -> None:
    """Print it."""
    print(table("Files", uvloop.run(measure())))


if __name__ == "__main__":
    main()
