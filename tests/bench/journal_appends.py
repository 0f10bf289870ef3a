"""Acknowledged events a second in the journals of a node. Run: python -m tests.bench.journal_appends.

PERFORMANCE.md wants 20,000 a second with 5 ms at p99. An append is acknowledged when it is on disk (WAL, FULL).
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from node.sessions.fold import empty_state
from node.sessions.journal import Journal
from node.store import open_store
from node.store.journals import Journals
from tests.bench.report import Row, table
from ws.protocol.base import SessionId
from ws.protocol.events import AgentMessage

EVENT = AgentMessage(message_id="m", text="x" * 200)
"""About 300 bytes of JSON once it is stamped."""
EVENTS = 20_000


async def _session(journals: Journals, name: str) -> Journal:
    number = await journals.create(SessionId(name), "e")
    return Journal(journals, number, empty_state(SessionId(name), "n", "e"), on_appended=lambda appended: None)


async def _measure(journals: Journals, sessions: int, batch: int) -> tuple[float, list[float]]:
    """Events a second and the latency of each append in ms; each session appends one after another."""
    opened = [await _session(journals, f"s{sessions}-{batch}-{number}") for number in range(sessions)]
    took_ms: list[float] = []

    async def run(journal: Journal) -> None:
        for _ in range(EVENTS // sessions // batch):
            begun = time.perf_counter()
            await journal.append([EVENT] * batch)
            took_ms.append((time.perf_counter() - begun) * 1000)

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for journal in opened:
            _ = group.create_task(run(journal))
    return len(took_ms) * batch / (time.perf_counter() - begun), took_ms


async def run(folder: Path) -> list[Row]:
    """All measurements."""
    store = await open_store(folder / "node.db")
    rows: list[Row] = []
    for sessions, batch in ((1, 1), (1, 32), (20, 1), (100, 1), (100, 8)):
        rate, took_ms = await _measure(store.journals, sessions, batch)
        what = f"{sessions} sessions, {batch} events an append"
        cuts = statistics.quantiles(took_ms, n=100)
        rows += [
            Row(f"{what}: events/s", rate, "1/s", "target 20,000 in all"),
            Row(f"{what}: p50", cuts[49], "ms"),
            Row(f"{what}: p99", cuts[98], "ms", "target 5"),
        ]
    await store.close()
    return rows


def main() -> int:
    """Measure beside the working folder, whose disk is that of a home."""
    with tempfile.TemporaryDirectory(dir=Path.home(), prefix=".switchyard-bench-") as folder:
        print(table("Journal appends", uvloop.run(run(Path(folder)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
