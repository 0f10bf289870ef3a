"""200 sessions at work, watched by 50 browsers: ``python -m tests.bench.session_fanout``.

The node's session service with its real journal is this process, Main is the real program, the browsers are one process
of their own. Each browser has 8 sessions open, so every event goes to two of them. The reference is the latency of the
same pace in one session with one browser in the same run.
"""

import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import uvloop

from tests.bench.agent_events import behaviours
from tests.bench.report import Row, table
from tests.support.agents import FakeAgent
from tests.support.client import Client, Socket
from tests.support.fake_node import FakeNode
from tests.support.processes import ROOT, Program, main_settings, running
from tests.unit.node.sessions.bench import NODE, Bench, bench
from ws.protocol.events import AgentMessage
from ws.tasks import TaskOwner

SESSIONS = 200
BROWSERS = 50
OPEN_EACH = 8
PER_SECOND = 500
SECONDS = 10
READY = "ready"


async def _listen(socket: Socket, session: str, taken: list[float], expected: asyncio.Semaphore) -> None:
    watch = await socket.subscribe("session.watch", {"node": NODE, "session": session, "after": 0})
    await watch.until("live")
    expected.release()
    while True:
        event = await watch.queue.get()
        if event["type"] == "agent_message":
            taken.append((time.perf_counter() - float(event["text"])) * 1000)


async def browse(url: str, token: str, browsers: int, each: int, sessions: list[str]) -> None:
    """For the process of the browsers: watch until standard input ends, then print the latencies in ms as JSON."""
    taken: list[float] = []
    live = asyncio.Semaphore(0)
    owner = TaskOwner("browsers")
    async with contextlib.AsyncExitStack() as stack:
        for browser in range(browsers):
            client = await stack.enter_async_context(Client(url))
            client.token = token
            socket = await stack.enter_async_context(client.socket())
            for place in range(each):
                session = sessions[(browser * each + place) % len(sessions)]
                _ = owner.start(_listen(socket, session, taken, live), name=session)
        for _ in range(browsers * each):
            await live.acquire()
        print(READY, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await owner.close()
    print(json.dumps(taken), flush=True)


@contextlib.asynccontextmanager
async def _browsers(
    client: Client, browsers: int, each: int, sessions: list[str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    arguments = (client.url, str(client.token), str(browsers), str(each), *sessions)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.session_fanout", *arguments),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**26,
    )
    assert process.stdout is not None
    said = (await process.stdout.readline()).decode().strip()
    assert said == READY, said
    yield process
    await process.wait()


@dataclass(frozen=True)
class _Load:
    """CPU in seconds of a second, by role, while the events went."""

    latencies_ms: list[float]
    main_cpu: float
    node_cpu: float
    expected: int


async def _run(client: Client, main: Program, agents: dict[str, FakeAgent], browsers: int, each: int) -> _Load:
    roles = [psutil.Process(main.process.pid), psutil.Process()]
    async with _browsers(client, browsers, each, list(agents)) as process:
        before = [sum(role.cpu_times()[:2]) for role in roles]
        begun = time.perf_counter()
        speakers = list(agents.values())
        for number in range(PER_SECOND * SECONDS):
            if (wait := begun + number / PER_SECOND - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            said = AgentMessage(message_id=f"a{number}", text=str(time.perf_counter()))
            await speakers[number % len(speakers)].say(said)
        taken_s = time.perf_counter() - begun
        after = [sum(role.cpu_times()[:2]) for role in roles]
        await asyncio.sleep(1)  # what is under way arrives
        told, _ = await process.communicate(b"")
    used = [(end - start) / taken_s for start, end in zip(before, after, strict=True)]
    watchers = browsers * each // len(agents)
    return _Load(sorted(json.loads(told)), used[0], used[1], PER_SECOND * SECONDS * watchers)


async def _agents(node: Bench, count: int) -> dict[str, FakeAgent]:
    """So many sessions with a turn that runs, and what speaks in each."""
    found = {}
    for number in range(count):
        session = await node.create(path=f"/workspace/{count}/{number}")
        await node.send(session, "m")
        await node.prompted()
        found[session] = node.provider.agent
    return found


def _row(name: str, load: _Load, reference: _Load | None = None) -> list[Row]:
    taken = load.latencies_ms
    assert len(taken) == load.expected, f"{name}: {len(taken)} of {load.expected} events came"
    p50, p99 = statistics.median(taken), taken[len(taken) * 99 // 100]
    ratio = "reference" if reference is None else f"{p50 / statistics.median(reference.latencies_ms):.1f}x one browser"
    return [
        Row(f"{name}: p50", p50, "ms", ratio),
        Row(f"{name}: p99", p99, "ms"),
        Row(f"{name}: CPU of Main", load.main_cpu * 100, "%"),
        Row(f"{name}: CPU of the node and the fake agents", load.node_cpu * 100, "%"),
    ]


async def measure() -> list[Row]:
    """One browser, then all of them."""
    tasks = TaskOwner("bench")
    with tempfile.TemporaryDirectory(dir=Path.home(), prefix=".switchyard-bench-") as folder:
        home = Path(folder)
        settings = main_settings(**{"main.local_node": False})
        async with (
            bench(home) as node,
            running("main_server.py", home / "main", settings) as main,
            Client(main.url) as client,
        ):
            await client.register()
            token = (await client.op("nodes.join"))["register_token"]
            async with FakeNode(main.url, NODE, token, behaviours=behaviours(node, tasks)).online():
                one = await _run(client, main, await _agents(node, 1), 1, 1)
                idle = psutil.Process(main.process.pid).memory_info().rss
                many = await _run(client, main, await _agents(node, SESSIONS), BROWSERS, OPEN_EACH)
                resident = [psutil.Process(main.process.pid).memory_info().rss, psutil.Process().memory_info().rss]
        await tasks.close()
    return [
        *_row(f"1 session, 1 browser, {PER_SECOND} events/s", one),
        *_row(f"{SESSIONS} sessions, {BROWSERS} browsers, {PER_SECOND} events/s", many, one),
        Row("resident memory of Main before, after", idle / 2**20, "MiB", f"{resident[0] / 2**20:.0f} MiB after"),
        Row("resident memory of this process after", resident[1] / 2**20, "MiB"),
    ]


def main() -> None:
    """Print it; with arguments this is the process of the browsers."""
    if len(sys.argv) > 1:
        uvloop.run(browse(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:]))
    else:
        print(table("Many sessions, many browsers", uvloop.run(measure())))


if __name__ == "__main__":
    main()
