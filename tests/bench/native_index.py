"""Listing the sessions that an agent has by itself: ``python -m tests.bench.native_index``.

2,000 transcripts in 50 folders, of the size and shape that Claude Code writes. Targets: a refresh after one has grown
< 50 ms, and nothing at all while nothing changes. The reference is `stat` of the same files by the same means.
"""

import asyncio
import json
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from providers.claude.history import ClaudeHistory
from tests.bench.report import Row, table

TRANSCRIPTS = 2_000
FOLDERS = 50
TURNS = 20
ROUNDS = 15


def _line(kind: str, content: object) -> str:
    head = {"parentUuid": None, "isSidechain": False, "type": kind, "message": {"role": kind, "content": content}}
    rest = {"uuid": str(uuid.uuid4()), "timestamp": "2026-11-20T10:00:00.000Z", "cwd": "/work", "gitBranch": "main"}
    return json.dumps(head | rest, separators=(",", ":"))


def _make(configuration: Path) -> list[Path]:
    found = []
    turn = [_line("user", "Do it"), _line("assistant", [{"type": "text", "text": "word " * 400}])]
    body = "\n".join(turn * TURNS) + "\n"
    for number in range(TRANSCRIPTS):
        path = configuration / "projects" / f"-work-{number % FOLDERS}" / f"{uuid.uuid4()}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)
        found.append(path)
    return found


def _look(configuration: Path) -> int:
    return sum(
        entry.stat().st_size for folder in os.scandir(configuration / "projects") for entry in os.scandir(folder.path)
    )


async def _median_ms(work: Callable[[], Awaitable[object]], before: Callable[[], Awaitable[object]]) -> float:
    taken = []
    for _ in range(ROUNDS):
        await before()
        begun = time.perf_counter()
        await work()
        taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


async def measure() -> list[Row]:
    """First listing, a refresh after one has grown, one when nothing has changed; `stat` of all for comparison."""
    with tempfile.TemporaryDirectory(prefix="switchyard-bench-") as name:
        configuration = Path(name)
        paths = await asyncio.to_thread(_make, configuration)
        history = ClaudeHistory({"CLAUDE_CONFIG_DIR": name})
        begun = time.perf_counter()
        assert len(await history.sessions()) == TRANSCRIPTS
        first_ms = (time.perf_counter() - begun) * 1000
        await history.sessions()

        async def grow() -> None:
            async with asyncio.TaskGroup() as group:
                _ = group.create_task(history.changed())
                await asyncio.sleep(0)
                with paths[0].open("a") as file:
                    _ = file.write(_line("user", "More") + "\n")

        async def rest() -> None:
            await history.sessions()

        stat_ms = await _median_ms(lambda: asyncio.to_thread(_look, configuration), rest)
        refresh_ms = await _median_ms(history.sessions, grow)
        quiet_ms = await _median_ms(history.sessions, rest)
        history.close()
    return [
        Row("first listing", first_ms, "ms", f"{TRANSCRIPTS:,} transcripts, all read once"),
        Row(
            "refresh, one has grown", refresh_ms, "ms", f"target < 50 ms; {refresh_ms / stat_ms:.1f} times stat of all"
        ),
        Row("nothing has changed", quiet_ms, "ms", "no file is looked at"),
        Row("stat of all", stat_ms, "ms", "reference"),
    ]


def main() -> None:
    """Print it."""
    print(table("Sessions that an agent has by itself", uvloop.run(measure())))


if __name__ == "__main__":
    main()
