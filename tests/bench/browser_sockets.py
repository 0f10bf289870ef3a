"""Many browsers at once: one event to 1,000 watchers of a session, and what an idle socket costs, each against a plain
aiohttp server of the same run: ``python -m tests.bench.browser_sockets``.

Targets: the last of 1,000 watchers has the event within 25 ms (p99); an idle socket costs ≤ 25 KB. The browsers are
this process, so the time includes reading 1,000 sockets here, as it does for the reference.
"""

import asyncio
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import psutil
import uvloop

from tests.bench.reference_hop import reference
from tests.bench.report import Row, table
from tests.support.installation import Installation, installed

WATCHERS = 1_000
EVENTS = 60
"""Rounds of both sides, one after the other."""
IDLE = 2_000
DEADLINE_S = 60.0


class Audience:
    """Sockets that only count what comes; `all_heard` is set with the last of a round."""

    def __init__(self, sockets: list[aiohttp.ClientWebSocketResponse]) -> None:
        self._sockets = sockets
        self._missing = 0
        self._all_heard = asyncio.Event()
        self._readers: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        return len(self._sockets)

    def begin(self) -> None:
        """From now on every frame that comes is counted."""
        loop = asyncio.get_running_loop()
        self._readers = [loop.create_task(self._read(socket), name="watcher") for socket in self._sockets]

    def expect(self) -> None:
        """A round begins."""
        self._missing = len(self._sockets)
        self._all_heard.clear()

    async def heard(self) -> None:
        """Wait for the last of the round."""
        async with asyncio.timeout(DEADLINE_S):
            await self._all_heard.wait()

    async def close(self) -> None:
        for reader in self._readers:
            reader.cancel()
        for socket in self._sockets:
            await socket.close()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for _ in socket:
            self._missing -= 1
            if self._missing == 0:
                self._all_heard.set()


async def _connected(http: aiohttp.ClientSession, url: str, count: int, headers: dict[str, str]) -> Audience:
    sockets = []
    for _ in range(count):
        sockets.append(await http.ws_connect(url, headers=headers, max_msg_size=0))  # noqa: PERF401  one by one
    return Audience(sockets)


@contextlib.asynccontextmanager
async def _wide() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        yield http


async def _watch(whole: Installation, http: aiohttp.ClientSession, session: str) -> Audience:
    audience = await _connected(http, f"{whole.url}/ws", WATCHERS, whole.client.headers)
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "session.watch",
        "params": {"node": whole.node, "session": session, "after": 0},
    }
    for socket in audience._sockets:
        await socket.send_str(json.dumps(call))
        while '"live"' not in await socket.receive_str():
            pass
    return audience


async def _fan_out(whole: Installation, plain_url: str) -> list[Row]:
    session = (await whole.session())["id"]
    ours_ms, plain_ms = [], []
    async with _wide() as http, http.ws_connect(f"{plain_url}/all") as speaker:
        ours = await _watch(whole, http, session)
        plain = await _connected(http, f"{plain_url}/all", WATCHERS - 1, {})
        ours.begin()
        plain.begin()
        event = json.dumps({"jsonrpc": "2.0", "method": "event", "params": {"event": {"type": "title_changed"}}})
        for number in range(EVENTS):
            plain.expect()
            begun = time.perf_counter()
            await speaker.send_str(event)
            await plain.heard()
            plain_ms.append((time.perf_counter() - begun) * 1000)
            ours.expect()
            begun = time.perf_counter()
            call = whole.op("session.update", session=session, title=f"Title {number}")
            answering = asyncio.get_running_loop().create_task(call, name="update")
            await ours.heard()
            ours_ms.append((time.perf_counter() - begun) * 1000)
            await answering
        await ours.close()
        await plain.close()
    ratio = statistics.median(mine / theirs for mine, theirs in zip(ours_ms, plain_ms, strict=True))
    return [
        Row("plain aiohttp loop, last of 1,000, p50", statistics.median(plain_ms), "ms", "reference"),
        Row("plain aiohttp loop, last of 1,000, p99", sorted(plain_ms)[EVENTS * 99 // 100], "ms", "reference"),
        Row("journal, node, Main, last of 1,000, p50", statistics.median(ours_ms), "ms", f"{ratio:.2f}x; target 25"),
        Row("journal, node, Main, last of 1,000, p99", sorted(ours_ms)[EVENTS * 99 // 100], "ms", "target 25"),
    ]


async def _idle(whole: Installation, plain_url: str, plain_pid: int) -> list[Row]:
    main = psutil.Process(whole.main.process.pid)
    plain = psutil.Process(plain_pid)
    async with _wide() as http:
        before = main.memory_info().rss
        ours = await _connected(http, f"{whole.url}/ws", IDLE, whole.client.headers)
        ours_kb = (main.memory_info().rss - before) / IDLE / 1024
        before = plain.memory_info().rss
        theirs = await _connected(http, f"{plain_url}/all", IDLE, {})
        plain_kb = (plain.memory_info().rss - before) / IDLE / 1024
        await ours.close()
        await theirs.close()
    return [
        Row("plain aiohttp, an idle socket", plain_kb, "KB", "reference"),
        Row("Main, an idle socket", ours_kb, "KB", f"{ours_kb / max(plain_kb, 0.1):.1f}x; target 25"),
    ]


async def measure() -> list[Row]:
    """Fan-out, then idle sockets, with one Main, one node and one reference."""
    with tempfile.TemporaryDirectory(prefix="switchyard-bench-") as folder:
        async with installed(Path(folder)) as whole, reference() as (url, pid):
            return [*await _idle(whole, url, pid), *await _fan_out(whole, url)]


def main() -> None:
    """Print it."""
    print(table("Many browsers", uvloop.run(measure())))


if __name__ == "__main__":
    main()
