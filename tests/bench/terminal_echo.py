"""A terminal through Main and Node against a PTY read directly: echo, echo beside a flood, flood, Ctrl-C, memory.

Run: ``.venv/bin/python tests/bench/terminal_echo.py``. The page is this process; Main, its local node and the holder
are the real programs. Rounds are interleaved, and what counts is the median of the ratios of one round.
"""

import asyncio
import contextlib
import json
import multiprocessing
import os
import pty
import socket
import statistics
import struct
import sys
import tempfile
import time
import tty
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.installation import installed

ROUNDS = 10
ECHOES = 400
FLOOD_BYTES = 40_000_000
ACK_EVERY = 64 * 1024
ECHO = "stty raw -echo; exec cat"
FLOOD = "stty raw -echo; while IFS= read -r n; do head -c $n /dev/zero | tr '\\000' x; done"
ENDLESS = "read go; exec yes 0123456789012345678901234567890123456789"


@dataclass(frozen=True)
class Whereabouts:
    """What a page and the measurement need to know. `pids` are Main's and the node's."""

    url: str
    node: str
    token: str
    terminals: dict[str, str]
    pids: tuple[int, int]


class Direct:
    """The reference: one process that has the PTY."""

    def __init__(self, script: str) -> None:
        self._pid, self._master = pty.fork()
        if not self._pid:
            os.execvp("sh", ["sh", "-c", script])
        os.set_inheritable(self._master, False)
        tty.setraw(self._master)

    def type(self, data: bytes) -> None:
        os.write(self._master, data)

    def read(self) -> int:
        return len(os.read(self._master, 65536))

    def close(self) -> None:
        os.close(self._master)
        os.waitpid(self._pid, 0)


class Page:
    """The least that is a WebSocket page: own framing on a blocking socket, acknowledging what it has read."""

    def __init__(self, there: Whereabouts, terminal: str) -> None:
        address = urlsplit(there.url)
        assert address.hostname is not None
        assert address.port is not None
        self._socket = socket.create_connection((address.hostname, address.port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(
            f"GET /ws/terminal?node={there.node}&terminal={there.terminals[terminal]} HTTP/1.1\r\n"
            f"Host: {address.netloc}\r\nAuthorization: Bearer {there.token}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n".encode()
        )
        self._buffer = b""
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += self._socket.recv(4096)
        self._buffer = self._buffer.split(b"\r\n\r\n", 1)[1]
        self._position = 0
        self._acknowledged = 0
        while not self._position_known():
            self._buffer += self._socket.recv(4096)

    def type(self, data: bytes) -> None:
        self._send(0x82, data)

    def read(self) -> int:
        """At least one byte of output; how many."""
        while True:
            count = sum(length for opcode, length, _ in self._frames() if opcode == 2)
            if count:
                self._position += count
                if self._position - self._acknowledged >= ACK_EVERY:
                    self.acknowledge()
                return count
            self._buffer += self._socket.recv(1 << 18)

    def acknowledge(self) -> None:
        self._acknowledged = self._position
        self._send(0x81, b'{"type":"ack","offset":%d}' % self._position)

    def close(self) -> None:
        self._socket.close()

    def _position_known(self) -> bool:
        for opcode, _, payload in self._frames():
            if opcode == 1:
                self._position = self._acknowledged = json.loads(payload)["offset"]
                return True
        return False

    def _send(self, first: int, data: bytes) -> None:
        length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack("!H", len(data))
        self._socket.sendall(bytes([first]) + length + b"\0\0\0\0" + data)

    def _frames(self) -> Iterator[tuple[int, int, bytes]]:
        """Whole frames in the buffer: opcode, length, payload."""
        start = 0
        while len(self._buffer) >= start + 2:
            opcode, length, head = self._buffer[start] & 15, self._buffer[start + 1], 2
            if length == 126:
                length, head = int.from_bytes(self._buffer[start + 2 : start + 4], "big"), 4
            elif length == 127:
                length, head = int.from_bytes(self._buffer[start + 2 : start + 10], "big"), 10
            end = start + head + length
            if len(self._buffer) < end:
                break
            yield opcode, length, self._buffer[start + head : end]
            start = end
            if opcode == 1:  # the caller may stop here
                self._buffer, start = self._buffer[start:], 0
        self._buffer = self._buffer[start:]


Terminal = Direct | Page


def echo_ms(terminal: Terminal) -> tuple[float, float]:
    """p50 and p99 of one keystroke there and back."""
    times = []
    for _ in range(ECHOES):
        began = time.perf_counter()
        terminal.type(b"x")
        terminal.read()
        times.append((time.perf_counter() - began) * 1000)
        time.sleep(0.0005)  # noqa: TID251 - a hand that types, in a process without a loop
    times.sort()
    return times[ECHOES // 2], times[ECHOES * 99 // 100]


def flood_mb_s(terminal: Terminal) -> float:
    began = time.perf_counter()
    terminal.type(b"%d\n" % FLOOD_BYTES)
    received = 0
    while received < FLOOD_BYTES:
        received += terminal.read()
    return FLOOD_BYTES / (time.perf_counter() - began) / 1e6


def ctrl_c_ms(terminal: Terminal) -> float:
    """From Ctrl-C under `yes` to silence: the time of the last byte."""
    last = began = time.perf_counter()
    terminal.type(b"\x03")
    with contextlib.suppress(TimeoutError):
        while True:
            terminal.read()
            last = time.perf_counter()
    return (last - began) * 1000


def consume(there: Whereabouts) -> None:
    page = Page(there, "endless")
    page.type(b"\n")
    while True:
        page.read()


async def _serve(pipe: Connection) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with installed(Path(folder)) as whole:
            terminals = {}
            for name, script in (("echo", ECHO), ("flood", FLOOD), ("endless", ENDLESS)):
                params = {"path": folder, "cols": 80, "rows": 24, "command": ["sh", "-c", script]}
                terminals[name] = (await whole.op("terminal.open", **params))["terminal"]
            main = whole.main.process.pid
            node = psutil.Process(main).children()[0].pid
            assert whole.client.token is not None
            pipe.send(Whereabouts(whole.url, whole.node, whole.client.token, terminals, (main, node)))
            await asyncio.to_thread(pipe.recv)


def serve(pipe: Connection) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(pipe))


def ratio_line(name: str, unit: str, pairs: list[tuple[float, float]]) -> None:
    direct = statistics.median(a for a, _ in pairs)
    through = statistics.median(b for _, b in pairs)
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"{name:34} {direct:9.3f} {through:13.3f} {unit:5} {ratio:6.2f}")


def in_turn(measure: Callable[[Terminal], float], direct: Terminal, page: Terminal) -> list[tuple[float, float]]:
    return [(measure(direct), measure(page)) for _ in range(ROUNDS)]


def cpu_s(*pids: int) -> float:
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)


def memory_mb(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss / 1e6)


def measure(there: Whereabouts) -> None:
    print(f"{'':34} {'direct':>9} {'Main and Node':>13} {'':5} {'ratio':>6}")
    before_mb = [memory_mb(pid) for pid in there.pids]
    direct, page = Direct(ECHO), Page(there, "echo")
    time.sleep(0.3)  # noqa: TID251 - both programs start
    echo_ms(direct), echo_ms(page)
    pairs = [(echo_ms(direct), echo_ms(page)) for _ in range(ROUNDS)]
    ratio_line("echo p50", "ms", [(a[0], b[0]) for a, b in pairs])
    ratio_line("echo p99", "ms", [(a[1], b[1]) for a, b in pairs])
    flood_direct, flood_page = Direct(FLOOD), Page(there, "flood")
    began_s = cpu_s(*there.pids)
    ratio_line("flood", "MB/s", in_turn(flood_mb_s, flood_direct, flood_page))
    used_s = (cpu_s(*there.pids) - began_s) / ROUNDS / (FLOOD_BYTES / 100e6)
    print(f"{'CPU of Main and Node, 100 MB':34} {'':9} {used_s:13.3f} s")
    flooding = multiprocessing.get_context("fork").Process(target=consume, args=(there,), daemon=True)
    flooding.start()
    pairs = [(echo_ms(direct), echo_ms(page)) for _ in range(ROUNDS)]
    ratio_line("echo p50 beside a flood", "ms", [(a[0], b[0]) for a, b in pairs])
    ratio_line("echo p99 beside a flood", "ms", [(a[1], b[1]) for a, b in pairs])
    flooding.terminate()
    flooding.join()
    interrupted = Page(there, "endless")
    interrupted._socket.settimeout(1)  # silence ends the measurement
    for _ in range(200):
        interrupted.read()
    print(f"{'Ctrl-C to the last byte':34} {'':9} {ctrl_c_ms(interrupted):13.3f} ms")
    for each in (direct, page, flood_direct, flood_page, interrupted):
        each.close()
    for name, pid, mb in zip(("Main", "Node"), there.pids, before_mb, strict=True):
        print(f"{'memory of ' + name + ', before and after':34} {mb:9.1f} {memory_mb(pid):13.1f} MB")


def run() -> None:
    ours, theirs = multiprocessing.Pipe()
    serving = multiprocessing.get_context("fork").Process(target=serve, args=(theirs,))
    serving.start()
    there = ours.recv()
    try:
        measure(there)
    finally:
        ours.send(None)
        serving.join(20)


if __name__ == "__main__":
    run()
