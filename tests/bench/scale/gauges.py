"""What is measured of Main while crowds are at it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import psutil

from tests.support.client import Client, Socket
from tests.support.fake_node import FakeNode
from ws.rpc import Answer, IncomingCall

STEADY = "steady"
"""A node that never drops: ops go to it."""

_PAUSE_S = 0.02


@dataclass
class Stretch:
    """A while of the run: `cpu_s` is the time of a core that Main took, `ops_ms` how long ops through it took."""

    seconds: float = 0.0
    cpu_s: float = 0.0
    ops_ms: list[float] = field(default_factory=list)

    def op_ms(self, share: float) -> float:
        """Of the ops, that share took at most this long."""
        ordered = sorted(self.ops_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class Gauges:
    """`socket` is a page's, for ops; `pid` is Main's."""

    def __init__(self, pid: int, socket: Socket) -> None:
        self._main = psutil.Process(pid)
        self._socket = socket

    def resident_kb(self) -> float:
        return float(self._main.memory_info().rss) / 1024

    @contextlib.asynccontextmanager
    async def stretch(self, seconds: float = 0.0, *, has_ops: bool = True) -> AsyncIterator[Stretch]:
        """From here to the end of the block, and at least so long; ops run all the while, if any are to."""
        found = Stretch()
        begun, used = time.perf_counter(), sum(self._main.cpu_times()[:2])
        is_over = asyncio.Event()
        if not has_ops:
            is_over.set()
        probing = asyncio.get_running_loop().create_task(self._probe(found.ops_ms, is_over), name="probe")
        try:
            yield found
            await asyncio.sleep(begun + seconds - time.perf_counter())
        finally:
            found.seconds = time.perf_counter() - begun
            found.cpu_s = sum(self._main.cpu_times()[:2]) - used
            is_over.set()
            await probing

    async def _probe(self, taken: list[float], is_over: asyncio.Event) -> None:
        while not is_over.is_set():
            begun = time.perf_counter()
            await self._socket.call("terminal.list", {"node": STEADY})
            taken.append((time.perf_counter() - begun) * 1000)
            await asyncio.sleep(_PAUSE_S)


async def _no_terminals(_: IncomingCall) -> Answer:
    return b'{"terminals":[]}'


@contextlib.asynccontextmanager
async def steady_node(url: str, token: str) -> AsyncIterator[FakeNode]:
    """The node that ops go to."""
    node = FakeNode(url, STEADY, token, {"terminal.list": _no_terminals})
    async with node.online():
        yield node


class Presence:
    """How many machines a page sees online."""

    def __init__(self) -> None:
        self.arrivals = 0
        """How often one came online, be it between two words of Main."""
        self._online: dict[str, str | None] = {}
        self._has_changed = asyncio.Event()

    @property
    def online(self) -> int:
        return sum(since is not None for since in self._online.values())

    async def follow(self, client: Client) -> None:
        """Watch for ever."""
        async with client.socket() as socket:
            watch = await socket.subscribe("nodes.watch")
            for node in watch.result["nodes"]:
                self._take(node)
            while True:
                event = await watch.next(deadline_s=3600)
                assert event["type"] == "node", f"the page that measures got {event['type']}"
                self._take(event["node"])

    async def reach(self, online: int, arrivals: int, deadline_s: float) -> None:
        """Wait until so many are online, and so many have come."""
        async with asyncio.timeout(deadline_s):
            while self.online != online or self.arrivals < arrivals:
                self._has_changed.clear()
                await self._has_changed.wait()

    def _take(self, node: dict[str, object]) -> None:
        name = str(node["id"])
        since = str(node["connected_at"]) if node["status"] == "online" else None
        self.arrivals += since is not None and since != self._online.get(name)
        self._online[name] = since
        self._has_changed.set()
