"""Opening long journals: ``python -m tests.bench.journal_open``.

A session of 100,000 events must open in 300 ms: `session.get`, a page from the tail, a page before that, and watching
from the tail. And a node that starts with 200 sessions. The reference is the plain `sqlite3` query of the same page in
the same run.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from node.sessions.fold import empty_state
from node.sessions.journal import Journal
from node.store import open_store
from tests.bench.report import Row, table
from tests.unit.node.sessions.bench import NODE, Bench, bench
from ws.protocol.base import SessionId
from ws.protocol.events import AgentMessage, JournalEvent, SessionStarted, TurnEnded, TurnStarted
from ws.protocol.sessions import SessionEventsParams, SessionWatchParams

LONG = 100_000
SESSIONS = 200
EACH = 2_000
PAGE = 200
ROUNDS = 20
TURN: list[JournalEvent] = [
    TurnStarted(),
    *(AgentMessage(message_id="m", text="x" * 200) for _ in range(18)),
    TurnEnded(stop_reason="end_turn"),
]


async def _fill(folder: Path) -> str:
    """One long session and many ordinary ones; the id of the long one."""
    store = await open_store(folder / "node.db")
    started = SessionStarted(provider="fake", path="/workspace/app", model=None, mode=None)

    async def fill(name: str, events: int) -> None:
        number = await store.journals.create(SessionId(name), "e")
        state = empty_state(SessionId(name), NODE, "e")
        journal = Journal(store.journals, number, state, on_appended=lambda appended: None)
        await journal.append([started])
        while journal.state.head < events:
            await journal.append(TURN * 10)

    await fill("long", LONG)
    async with asyncio.TaskGroup() as group:
        for number in range(SESSIONS - 1):
            _ = group.create_task(fill(f"s{number}", EACH))
    await store.close()
    return "long"


async def _ms(act: Callable[[], Awaitable[object]]) -> float:
    """The median of many rounds."""
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        _ = await act()
        taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


async def _opened(node: Bench, session: str) -> list[Row]:
    head = node.service.get(session).head

    async def get() -> object:
        return node.service.get(session)

    async def page(before: int) -> object:
        params = SessionEventsParams(node=NODE, session=session, before=before, limit=PAGE)
        return await node.service.events(params)

    async def watch(after: int) -> None:
        _, stream = node.service.watch(SessionWatchParams(node=NODE, session=session, after=after))
        async for event in stream:
            if event.startswith(b'{"type":"live"'):
                await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
                return

    def query() -> object:
        sql = "SELECT body FROM events WHERE session = 1 AND seq < ? ORDER BY seq DESC LIMIT ?"
        return node.store.database._reader.execute(sql, (head, PAGE)).fetchall()

    plain = await _ms(lambda: asyncio.to_thread(query))
    tail = await _ms(lambda: page(head + 1))
    return [
        Row(f"plain sqlite3, {PAGE} events", plain, "ms", "reference"),
        Row("session.get", await _ms(get), "ms", "target 300"),
        Row(f"the last {PAGE} events", tail, "ms", f"{tail / plain:.1f}x plain; target 300"),
        Row(f"{PAGE} events in the middle", await _ms(lambda: page(head // 2)), "ms", "target 300"),
        Row(f"watch from {PAGE} before the head to live", await _ms(lambda: watch(head - PAGE)), "ms", "target 300"),
        Row("watch all of it to live", (await _ms_once(lambda: watch(0))), "ms"),
    ]


async def _ms_once(act: Callable[[], Awaitable[object]]) -> float:
    begun = time.perf_counter()
    _ = await act()
    return (time.perf_counter() - begun) * 1000


async def measure(folder: Path) -> list[Row]:
    """Fill, start, open."""
    session = await _fill(folder)
    size = (folder / "node.db").stat().st_size / 2**20
    begun = time.perf_counter()
    async with bench(folder) as node:
        start = (time.perf_counter() - begun) * 1000
        rows = await _opened(node, session)
        events = LONG + (SESSIONS - 1) * EACH
        what = f"start with {SESSIONS} sessions, {events} events, {size:.0f} MiB"
        return [Row(what, start, "ms"), Row("bytes an event", size * 2**20 / events, "B"), *rows]


def main() -> int:
    """Measure beside the working folder, whose disk is that of a home."""
    with tempfile.TemporaryDirectory(dir=Path.home(), prefix=".switchyard-bench-") as folder:
        print(table("Opening long journals", uvloop.run(measure(Path(folder)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
