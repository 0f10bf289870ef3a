"""What other choices would cost a terminal: ``python -m tests.bench.choices``.

Each choice is the whole of it, Main and a node, with one thing changed (`otherwise`, `parsing_main`). The rounds are
interleaved, each begins with another choice, and what counts is the median of the ratios of one round to it as it is.
"""

import asyncio
import contextlib
import statistics
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from tests.bench.report import Row, quietly, table
from tests.bench.splice_echo import Taken
from tests.bench.terminal import measures
from tests.bench.terminal.ends import End, Page
from tests.bench.terminal.measures import ECHO, ENDLESS, FLOOD
from tests.bench.terminal.systems import OurSystem, elsewhere
from tests.support.client import Client
from tests.support.installation import scripted
from tests.support.processes import Program, main_settings, node_settings, running
from ws.streams import RawProtocol, RawSocket, splice
from ws.tasks import TaskOwner

ROUNDS = 10
ECHOES = 500
SLOW_FOR_S, SLOW_BYTES_S = 1.0, 1_000_000
FAR_S = 0.01
"""To a page that is far away, and as long back."""
FAR_BYTES = 4_000_000
NOBODY_TYPES_S = 0.5
"""As in `terminal`."""
TOKEN = "every-node-of-this-measurement-joins-with-it"
OF_MAINS = {"main.local_node": False, "main.node_register_tokens": [TOKEN]}
SPLICING, PARSING = "main_server.py", "tests/bench/parsing_main.py"

PLAIN = "as-it-is"
OTHERWISE = ("window-64-kib", "window-1-mib", "no-window", "aiohttp", "websockets", "collecting", "never-resting")
"""Choices of `otherwise`."""

AS_IT_IS, HOP, ANEW = "as it is", "one more hop that joins", "Main parses and frames anew"
WAYS: Mapping[str, str] = {
    AS_IT_IS: PLAIN,
    "aiohttp frames at the node": "aiohttp",
    "websockets frames at the node": "websockets",
    ANEW: "parsing",
    "output is collected for 2 ms": "collecting",
}
PACES: Mapping[str, str] = {AS_IT_IS: PLAIN, "a flood never rests": "never-resting"}
WINDOW_BYTES = 256 * 1024
NONE = "none, TCP alone"
WINDOW_AS_IT_IS = "256 KiB, as it is"
WINDOWS: Mapping[str, tuple[str, int]] = {
    "64 KiB": ("window-64-kib", 64 * 1024),
    WINDOW_AS_IT_IS: (PLAIN, WINDOW_BYTES),
    "1 MiB": ("window-1-mib", 1024 * 1024),
    NONE: ("no-window", WINDOW_BYTES),
}
"""A page acknowledges four times in each; without one that means nothing."""


@dataclass
class Choice(OurSystem):
    """One node of one Main. `node_pid` is its process; the page acknowledges a quarter of `window_bytes` at a time."""

    node_pid: int = 0
    window_bytes: int = WINDOW_BYTES

    def open(self, script: str) -> Page:
        page = super().open(script)
        page.ack_every_bytes = self.window_bytes // 4
        return page

    def processes(self) -> list[psutil.Process]:
        return [psutil.Process(self.main), psutil.Process(self.node_pid)]


Found = dict[str, list[float]]
"""By choice, one value a round."""


def _each_round(choices: Mapping[str, Choice], script: str, measure: Callable[[Choice, End], float]) -> Found:
    """`measure` in a terminal of each choice, in turn."""
    found: Found = {name: [] for name in choices}
    names = list(choices)
    with _terminals(choices, script) as ends:
        time.sleep(NOBODY_TYPES_S)  # noqa: TID251 - a process without a loop
        for number in range(ROUNDS):
            turn = number % len(names)
            for name in [*names[turn:], *names[:turn]]:
                with measures.within(measures.LIMIT_S):
                    found[name].append(measure(choices[name], ends[name]))
    return found


@contextlib.contextmanager
def _terminals(choices: Mapping[str, Choice], script: str) -> Iterator[dict[str, End]]:
    ends: dict[str, End] = {name: measures.opened(choice, script) for name, choice in choices.items()}
    yield ends
    for end in ends.values():
        end.close()


def _echo(choices: Mapping[str, Choice]) -> list[Row]:
    found = _each_round(choices, ECHO, lambda _, end: measures.echo(end, ECHOES)[0])
    rows = _rows("echo p50", found, "ms", AS_IT_IS)
    return [*rows, *(Row(f"echo p50, added: {name}", _added(found, name), "ms") for name in (ANEW, HOP))]


def _added(found: Found, name: str) -> float:
    """The median of what it takes more than as it is in the same round."""
    return statistics.median(other - reference for other, reference in zip(found[name], found[AS_IT_IS], strict=True))


def _flood(choices: Mapping[str, Choice], what: str, reference: str) -> list[Row]:
    spent: Found = {name: [] for name in choices}

    def measure(choice: Choice, end: End) -> float:
        mb_s, cpu_s = measures.flood(choice, end)
        spent[choice.name].append(cpu_s)
        return mb_s

    found = _each_round(choices, FLOOD, measure)
    rows = _rows(f"flood{what}", found, "MB/s", reference)
    return [*rows, *_rows(f"processor for 100 MB{what}", spent, "s", reference)]


def _flood_afar(choices: Mapping[str, Choice]) -> list[Row]:
    found = _each_round(choices, FLOOD, lambda choice, end: measures.flood(choice, end, FAR_BYTES)[0])
    return _rows(f"flood, {FAR_S * 2000:.0f} ms there and back, window", found, "MB/s", WINDOW_AS_IT_IS)


def _beside_a_flood(choices: Mapping[str, Choice]) -> list[Row]:
    def echo(choice: Choice, end: End) -> float:
        with measures.flooding(choice):
            return measures.echo(end, ECHOES)[0]

    return _rows("echo p50 beside a flood", _each_round(choices, ECHO, echo), "ms", AS_IT_IS)


def _ctrl_c(choices: Mapping[str, Choice]) -> list[Row]:
    found = _each_round(choices, ENDLESS, lambda _, end: measures.ctrl_c(end, SLOW_FOR_S, SLOW_BYTES_S))
    return _rows("Ctrl-C, reader at 1 MB/s, window", found, "ms", WINDOW_AS_IT_IS)


def _rows(what: str, found: Found, unit: str, reference: str) -> list[Row]:
    rows = []
    for name, values in found.items():
        ratios = [value / base for value, base in zip(values, found[reference], strict=True) if base]
        note = f"{statistics.median(ratios):.2f}x" if ratios else ""
        note = "reference" if name == reference else note
        rows.append(Row(f"{what}: {name}", statistics.median(values), unit, note))
    return rows


def measure(systems: Mapping[str, OurSystem], nodes: Mapping[str, int]) -> list[Row]:
    """`systems` by choice, `nodes` the processes of nodes by choice."""

    def chosen(name: str, key: str, window_bytes: int = WINDOW_BYTES) -> Choice:
        it = systems[key]
        return Choice(it.port, it.node, it.token, it.main, name, nodes[it.node], window_bytes)

    ways = {name: chosen(name, key) for name, key in WAYS.items()}
    windows = {name: chosen(name, *given) for name, given in WINDOWS.items()}
    rows = _echo({**ways, HOP: chosen(HOP, "hop")})
    rows += _beside_a_flood({name: chosen(name, key) for name, key in PACES.items()})
    rows += _flood(ways, "", AS_IT_IS)
    rows += _flood(windows, ", window", WINDOW_AS_IT_IS)
    rows += _flood_afar(
        {name: chosen(name, f"far {key}", size) for name, (key, size) in WINDOWS.items() if name != NONE}
    )
    return rows + _ctrl_c(windows)


# --- what is measured -----------------------------------------------------------------------------------------------


async def _installed(pipe: Connection) -> None:
    """Sends the systems and the processes of their nodes, both by choice."""
    quietly()
    systems: dict[str, OurSystem] = {}
    pids: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="switchyard-bench-") as folder:
        async with contextlib.AsyncExitStack() as stack:

            async def begin(home: Path, choice: str, main: Program, client: Client) -> None:
                program = await stack.enter_async_context(_node(home, choice, main))
                pids[choice] = program.process.pid
                assert client.token is not None
                node = await client.online_node(choice)
                systems[choice] = OurSystem(main.port, node, client.token, main.process.pid)

            for script, choices in ((SPLICING, (PLAIN, *OTHERWISE)), (PARSING, ("parsing",))):
                home = Path(folder) / Path(script).stem
                main = await stack.enter_async_context(running(script, home, main_settings(**OF_MAINS)))
                client = await stack.enter_async_context(Client(main.url))
                await client.register()
                async with asyncio.TaskGroup() as beginning:
                    for choice in choices:
                        beginning.create_task(begin(home, choice, main, client), name=choice)
            plain = systems[PLAIN]
            near, far = [await stack.enter_async_context(_relay(plain.port, join)) for join in (_join, _join_late)]
            systems["hop"] = replace(plain, port=near)
            systems |= {f"far {choice}": replace(systems[choice], port=far) for choice, _ in WINDOWS.values()}
            pipe.send((systems, pids))
            await asyncio.to_thread(pipe.recv)


def _node(home: Path, choice: str, main: Program) -> contextlib.AbstractAsyncContextManager[Program]:
    its_home = home / choice
    settings = node_settings(main, TOKEN, **{"node.id": choice, **scripted(its_home)})
    if choice in OTHERWISE:
        return running("tests/bench/otherwise.py", its_home, settings, arguments=[choice])
    return running("app.py", its_home, settings)


@contextlib.asynccontextmanager
async def _relay(port: int, join: Callable[[RawSocket, RawSocket], Coroutine[Any, Any, None]]) -> AsyncIterator[int]:
    """The port of one more hop in front of `port`."""
    loop, joined = asyncio.get_running_loop(), TaskOwner("relay")

    async def taken(page: RawSocket) -> None:
        _, main = await loop.create_connection(Taken, "127.0.0.1", port)
        await join(page, await main.raw)

    server = await loop.create_server(lambda: Taken(lambda raw: joined.start(taken(raw), name="join")), "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await joined.close()


async def _join(page: RawSocket, main: RawSocket) -> None:
    """As Main does it."""
    await splice(page, main, name="hop")


async def _join_late(page: RawSocket, main: RawSocket) -> None:
    """Everything arrives FAR_S later, however much it is."""
    left, right = _Late(page), _Late(main)
    left.other, right.other = right, left
    page.hand_to(left)
    main.hand_to(right)
    await page.wait_ended()
    await main.wait_ended()


class _Late(RawProtocol):
    """One end. What it has not passed on yet is bounded by the window and by what is typed."""

    other: "_Late"

    def __init__(self, raw: RawSocket) -> None:
        super().__init__(raw)
        self._kept: deque[bytes] = deque()
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self._kept.append(data)
        self._loop.call_later(FAR_S, self._pass)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._loop.call_later(FAR_S, self.other.raw.transport.close)  # behind what it sent

    def _pass(self) -> None:
        if not self.other.raw.is_ended:
            self.other.raw.transport.write(self._kept.popleft())


def main() -> None:
    """Print it."""
    with elsewhere(_installed) as (systems, nodes):
        rows = measure(systems, nodes)
    print(table("Other choices", rows))


if __name__ == "__main__":
    main()
