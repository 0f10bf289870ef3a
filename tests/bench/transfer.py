"""A file through Main and Node, down and up, against one plain aiohttp hop: ``python -m tests.bench.transfer``.

The client is a blocking socket in this process, so that it is not what is measured. The reference is an aiohttp server
on uvloop that reads and writes the file in a thread, 512 KiB at a time. Rounds are interleaved, and what counts is the
median of the ratios of one round. CPU tells the same on a machine that does other things too, where the three processes
of ours get less of it than they need to run side by side: the slower one of Main and Node bounds the rate. Memory is
the most that Main and Node had while it ran; a sparse file of 5 GiB at the end shows that it does not grow with size.
"""

import asyncio
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import quote, urlsplit

import psutil
import uvloop
from aiohttp import web

from tests.bench.report import Row, table
from tests.support.installation import installed
from tests.support.resident import MIB, Resident, watched_memory

SIZE_BYTES = 256 << 20
HUGE_BYTES = 5 << 30
GIB = 1 << 30
ROUNDS = 10
CHUNK_BYTES = 512 * 1024


@dataclass(frozen=True)
class Whereabouts:
    """`reference` and `ours` are URLs that take GET and PUT, `huge` one for GET; `pids` are Main's and the node's,
    `reference_pid` that of the reference.
    """

    reference: str
    ours: str
    huge: str
    token: str
    pids: tuple[int, int]
    reference_pid: int


def _request(url: str, method: str, headers: str) -> socket.socket:
    address = urlsplit(url)
    assert address.hostname is not None
    client = socket.create_connection((address.hostname, address.port or 80), timeout=60)
    target = f"{address.path}?{address.query}" if address.query else address.path
    client.sendall(
        f"{method} {target} HTTP/1.1\r\nHost: {address.netloc}\r\n{headers}Connection: close\r\n\r\n".encode()
    )
    return client


def down(url: str, headers: str = "", size: int | None = None) -> float:
    """MB/s of one whole GET of SIZE_BYTES, or of `size`."""
    size = size or SIZE_BYTES
    buffer = bytearray(1 << 20)
    began = time.perf_counter()
    received = 0
    with _request(url, "GET", headers) as client:
        while count := client.recv_into(buffer):
            received += count
    assert received > size, f"only {received} bytes came"
    return size / (time.perf_counter() - began) / 1e6


def up(url: str, headers: str = "") -> float:
    """MB/s of one whole PUT, to the answer."""
    piece = bytes(1 << 20)
    began = time.perf_counter()
    with _request(url, "PUT", f"{headers}Content-Length: {SIZE_BYTES}\r\n") as client:
        for _ in range(SIZE_BYTES // len(piece)):
            client.sendall(piece)
        answer = client.recv(4096)
    assert answer.split(b" ", 2)[1] in (b"200", b"201"), answer[:300]
    return SIZE_BYTES / (time.perf_counter() - began) / 1e6


class _Reference:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def get(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        answer.content_length = SIZE_BYTES
        await answer.prepare(request)
        with (self._folder / "down").open("rb", buffering=0) as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
                await answer.write(chunk)
        return answer

    async def put(self, request: web.Request) -> web.Response:
        with (self._folder / "up.tmp").open("wb", buffering=0) as file:
            pieces: list[bytes] = []
            async for piece in request.content.iter_any():
                pieces.append(piece)
                if sum(map(len, pieces)) >= CHUNK_BYTES:
                    await asyncio.to_thread(file.write, b"".join(pieces))
                    pieces.clear()
            await asyncio.to_thread(file.write, b"".join(pieces))
            await asyncio.to_thread(os.fsync, file.fileno())
        (self._folder / "up.tmp").rename(self._folder / "up")
        return web.Response()


async def _serve_reference(pipe: Connection, folder: Path) -> None:
    served = _Reference(folder)
    app = web.Application(client_max_size=0)
    app.router.add_get("/", served.get)
    app.router.add_put("/", served.put)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pipe.send(f"http://127.0.0.1:{runner.addresses[0][1]}/")
    await asyncio.to_thread(pipe.recv)
    await runner.cleanup()


async def _serve_ours(pipe: Connection, folder: Path) -> None:
    async with installed(folder) as whole:
        main = whole.main.process.pid
        node = next(each.pid for each in psutil.Process(main).children() if "app.py" in " ".join(each.cmdline()))
        assert whole.client.token is not None
        pipe.send((whole.url, whole.node, whole.client.token, (main, node)))
        await asyncio.to_thread(pipe.recv)


def _run(serve: Callable[[Connection, Path], object], pipe: Connection, folder: Path) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(pipe, folder))  # type: ignore[arg-type]


def measure(there: Whereabouts) -> list[Row]:
    """Interleaved rounds of both ways."""
    processes = {"the hop": there.reference_pid, "Main": there.pids[0], "Node": there.pids[1]}
    running = {who: psutil.Process(pid) for who, pid in processes.items()}

    def used(before: Mapping[str, float] | None = None) -> dict[str, float]:
        times = {who: each.cpu_times() for who, each in running.items()}
        return {who: each.user + each.system - (before or {}).get(who, 0.0) for who, each in times.items()}

    bearer = f"Authorization: Bearer {there.token}\r\n"
    rows: list[Row] = []
    up(there.reference), up(there.ours, bearer), down(there.reference), down(there.ours, bearer)
    with watched_memory(*there.pids) as memory:
        for name, way in (("down", down), ("up", up)):
            began = used()
            pairs = [(way(there.reference), way(there.ours, bearer)) for _ in range(ROUNDS)]
            rows.append(Row(f"{name}, one aiohttp hop", statistics.median(a for a, _ in pairs), "MB/s"))
            rows.append(Row(f"{name}, Main and Node", statistics.median(b for _, b in pairs), "MB/s"))
            rows.append(Row(f"{name}, ratio", statistics.median(b / a for a, b in pairs), "", "target 0.8"))
            rows += [
                Row(f"{name}, CPU of {who}", spent / ROUNDS / (SIZE_BYTES / GIB), "s/GiB")
                for who, spent in used(began).items()
            ]
    return rows + _growth(memory, "")


def measure_huge(there: Whereabouts) -> list[Row]:
    """One sparse file of HUGE_BYTES down: what it takes of memory."""
    with watched_memory(*there.pids) as memory:
        rate = down(there.huge, f"Authorization: Bearer {there.token}\r\n", HUGE_BYTES)
    return [Row("5 GiB down, Main and Node", rate, "MB/s"), *_growth(memory, ", 5 GiB")]


def _growth(memory: Resident, during: str) -> list[Row]:
    return [
        Row(f"memory of {name}, above its start{during}", growth, "MiB", f"of {before:.0f}")
        for name, growth, before in zip(("Main", "Node"), memory.growth, memory.before, strict=True)
    ]


def run() -> list[Row]:
    """Both servers as processes, the client here."""
    context = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory(prefix="switchyard-bench-") as made:
        folder = Path(made)
        with (folder / "down").open("wb") as file:
            for _ in range(SIZE_BYTES // MIB):
                file.write(os.urandom(MIB))
        with (folder / "huge").open("wb") as file:
            file.truncate(HUGE_BYTES)
        pipes, serving = [], []
        for serve in (_serve_reference, _serve_ours):
            ours, theirs = context.Pipe()
            process = context.Process(target=_run, args=(serve, theirs, folder))
            process.start()
            pipes.append(ours)
            serving.append(process)
        try:
            reference = pipes[0].recv()
            url, node, token, pids = pipes[1].recv()
            base = f"{url}/api/nodes/{node}/files/content?path={quote(made)}"
            there = Whereabouts(reference, f"{base}/down", f"{base}/huge", token, pids, serving[0].pid or 0)
            return measure(there) + measure_huge(there)
        finally:
            for pipe in pipes:
                pipe.send(None)
            for process in serving:
                process.join(20)


def main() -> None:
    """Print it."""
    print(table("Transfers", run()))


if __name__ == "__main__":
    main()
