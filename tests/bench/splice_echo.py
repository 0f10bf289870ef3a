"""What the splice adds to an echo: p50 and p99 of one keystroke there and back, direct and through Main's two hops.

Run: ``.venv/bin/python tests/bench/splice_echo.py``. Client, relay and echo are three processes on loopback; the rounds
are interleaved, and what counts is the ratio of the two in the same run.
"""

import asyncio
import multiprocessing
import socket
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.report import quietly
from ws.streams import RawSocket, splice

ROUNDS = 12
ECHOES = 2000
KEYSTROKE = b"\x82\x81\x00\x00\x00\x00x"


class _Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


class Taken(asyncio.Protocol):
    """One end of a relay, as a RawSocket once it is connected; `on_taken` is given it too."""

    def __init__(self, on_taken: Callable[[RawSocket], object] = bool) -> None:
        self.raw: asyncio.Future[RawSocket] = asyncio.get_running_loop().create_future()
        self._on_taken = on_taken

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        raw = RawSocket(cast(asyncio.Transport, transport))
        self.raw.set_result(raw)
        self._on_taken(raw)


async def _serve_echo(listener: socket.socket) -> None:
    server = await asyncio.get_running_loop().create_server(_Echo, sock=listener)
    await server.serve_forever()


async def _serve_splice(listener: socket.socket, target: tuple[str, int]) -> None:
    loop = asyncio.get_running_loop()
    page = Taken()
    server = await loop.create_server(lambda: page, sock=listener)
    left = await page.raw
    _, node = await loop.create_connection(Taken, *target)
    await splice(left, await node.raw, name="bench")
    server.close()


def _run_echo(listener: socket.socket) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve_echo(listener))


def _run_splice(listener: socket.socket, target: tuple[str, int]) -> None:
    quietly()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve_splice(listener, target))


def _measure(client: socket.socket) -> list[float]:
    times = []
    for _ in range(ECHOES):
        began = time.perf_counter()
        client.sendall(KEYSTROKE)
        received = 0
        while received < len(KEYSTROKE):
            received += len(client.recv(64))
        times.append((time.perf_counter() - began) * 1000)
    return sorted(times)


def _connect(address: tuple[str, int]) -> socket.socket:
    client = socket.create_connection(address, timeout=10)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def main() -> None:
    context = multiprocessing.get_context("fork")
    echo_listener, splice_listener = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
    echo_address, splice_address = echo_listener.getsockname(), splice_listener.getsockname()
    children = [
        context.Process(target=_run_echo, args=(echo_listener,), daemon=True),
        context.Process(target=_run_splice, args=(splice_listener, echo_address), daemon=True),
    ]
    for child in children:
        child.start()
    try:
        with _connect(echo_address) as direct, _connect(splice_address) as spliced:
            _measure(direct), _measure(spliced)
            pairs = [(_measure(direct), _measure(spliced)) for _ in range(ROUNDS)]
    finally:
        for child in children:
            child.terminate()
            child.join(5)
    print(f"{'':8} {'direct ms':>10} {'spliced ms':>11} {'ratio':>6}")
    for name, position in (("p50", ECHOES // 2), ("p99", ECHOES * 99 // 100)):
        direct_ms = statistics.median(a[position] for a, _ in pairs)
        spliced_ms = statistics.median(b[position] for _, b in pairs)
        ratio = statistics.median(b[position] / a[position] for a, b in pairs)
        print(f"{name:8} {direct_ms:10.4f} {spliced_ms:11.4f} {ratio:6.2f}")


if __name__ == "__main__":
    main()
