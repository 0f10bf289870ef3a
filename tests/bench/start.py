"""How long it takes until the page is served and this machine's node is online: first start (empty HOME), then again.

``python -m tests.bench.start``. Targets: page ≤ 1.5 s, node online ≤ 2.5 s after `python main_server.py`.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp

from tests.bench.as_installed import as_installed
from tests.bench.report import Row, table
from tests.support.processes import Program, main_settings, start_program
from tests.support.waiting import eventually

ROUNDS = 5


async def _page(program: Program) -> bool:
    try:
        async with aiohttp.ClientSession() as http, http.get(program.url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def _node_online(program: Program) -> bool:
    health = await program.health()
    return bool(health and health["nodes"]["online"] == 1)


async def _start(home: Path) -> tuple[float, float]:
    """Seconds until the page and until the node."""
    began = time.perf_counter()
    program = await start_program("main_server.py", home, main_settings(), as_installed(home))
    try:
        await eventually(lambda: _page(program), what="the page", deadline_s=60)
        page_s = time.perf_counter() - began
        await eventually(lambda: _node_online(program), what="the node", deadline_s=60)
        return page_s, time.perf_counter() - began
    finally:
        await program.stop()


async def measure() -> list[Row]:
    """First and later starts, medians of ROUNDS."""
    firsts, laters = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="switchyard-bench-") as folder:
            firsts.append(await _start(Path(folder)))
            laters.append(await _start(Path(folder)))
    return [
        Row("page served, first start", statistics.median(page for page, _ in firsts), "s"),
        Row("node online, first start", statistics.median(node for _, node in firsts), "s"),
        Row("page served, second start", statistics.median(page for page, _ in laters), "s", "target 1.5"),
        Row("node online, second start", statistics.median(node for _, node in laters), "s", "target 2.5"),
    ]


def main() -> None:
    """Print it."""
    print(table("Start", asyncio.run(measure())))


if __name__ == "__main__":
    main()
