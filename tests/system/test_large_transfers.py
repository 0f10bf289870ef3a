"""Transfers of any size in the same memory, beside clients that are slow, and given up by browsers in their midst."""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlsplit

import aiohttp
import pytest

from tests.support.client import Client
from tests.support.installation import Installation
from tests.support.resident import watched_memory
from tests.support.waiting import eventually
from tests.system.test_api_transfers import ask, folder, names, url
from tests.system.test_bad_transfers import node_pid, opened
from tests.system.test_terminal_whole import open_terminal, page

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("large transfers")]

__all__ = ["folder"]

GIB = 1 << 30
GROWTH_MIB = 16.0
"""Of Main and of the node, however much passes: two chunks of 1 MiB, the buffers on the way and what malloc keeps."""


def pids(whole: Installation) -> tuple[int, int]:
    """Main's and its node's."""
    return whole.main.process.pid, node_pid(whole)


def request(whole: Installation, method: str, path: Path, *headers: str) -> socket.socket:
    """A connection on which this has been asked, for a thread."""
    address = urlsplit(url(whole))
    client = socket.create_connection(("127.0.0.1", address.port or 80), timeout=30)
    lines = [
        f"{method} {address.path}?path={quote(str(path))} HTTP/1.1",
        f"Host: {address.netloc}",
        f"Authorization: Bearer {whole.client.token}",
        "Connection: close",
        *headers,
    ]
    client.sendall("\r\n".join([*lines, "", ""]).encode())
    return client


def counted(whole: Installation, path: Path) -> int:
    """GET the whole; how many bytes of content came."""
    buffer = bytearray(1 << 20)
    with request(whole, "GET", path) as client:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(65536)
        count = len(head.partition(b"\r\n\r\n")[2])
        while got := client.recv_into(buffer):
            count += got
    assert head.startswith(b"HTTP/1.1 200"), head[:300]
    return count


def sent(whole: Installation, path: Path, size: int) -> bytes:
    """PUT so many zeros; the status line."""
    piece = bytes(1 << 20)
    with request(whole, "PUT", path, f"Content-Length: {size}") as client:
        for _ in range(size // len(piece)):
            client.sendall(piece)
        return client.recv(4096).partition(b"\r\n")[0]


async def test_any_size_comes_down_in_the_same_memory(whole: Installation, folder: Path) -> None:
    with (folder / "sparse").open("wb") as file:
        file.truncate(5 * GIB)
        file.seek(3 * GIB)
        file.write(b"in the middle")
    await asyncio.to_thread(counted, whole, Path(whole.home / "conversation.json"))
    async with asyncio.timeout(60):
        with watched_memory(*pids(whole)) as memory:
            part = await ask(whole, "GET", folder / "sparse", Range=f"bytes={3 * GIB}-{3 * GIB + 12}")
            rest = await ask(whole, "GET", folder / "sparse", Range=f"bytes={5 * GIB - 3}-")
            os.truncate(folder / "sparse", GIB)
            count = await asyncio.to_thread(counted, whole, folder / "sparse")
    assert (part.status, part.body) == (206, b"in the middle")
    assert part.headers["Content-Range"] == f"bytes {3 * GIB}-{3 * GIB + 12}/{5 * GIB}"
    assert (rest.status, rest.body) == (206, bytes(3))
    assert count == GIB
    assert max(memory.growth) < GROWTH_MIB, memory


async def test_any_size_goes_up_in_the_same_memory(whole: Installation, folder: Path) -> None:
    size = GIB // 2
    async with asyncio.timeout(60):
        with watched_memory(*pids(whole)) as memory:
            status = await asyncio.to_thread(sent, whole, folder / "large", size)
    assert status.startswith(b"HTTP/1.1 201"), status
    assert (folder / "large").stat().st_size == size
    assert names(folder) == ["large"]
    (folder / "large").unlink()
    assert max(memory.growth) < GROWTH_MIB, memory


async def test_a_download_that_a_browser_gives_up_is_over_at_the_node(whole: Installation, folder: Path) -> None:
    with (folder / "large").open("wb") as file:
        file.truncate(GIB)
    node = pids(whole)[1]
    for reads_on in (True, False):
        answer = await whole.client.http.get(
            url(whole), params={"path": str(folder / "large")}, headers=whole.client.headers
        )
        await answer.content.readexactly(1 << 20)
        assert opened(node, folder)
        if not reads_on:
            answer.content._protocol.pause_reading()
        answer.close()
        await eventually(lambda: not opened(node, folder), what="the end at the node", deadline_s=5)


async def test_slow_clients_hold_nobody_up_and_little_memory(whole: Installation, folder: Path) -> None:
    with (folder / "large").open("wb") as file:
        file.truncate(GIB)
    loop = asyncio.get_running_loop()
    is_over = asyncio.Event()
    taken = 0

    async def crawl(client: aiohttp.ClientResponse) -> None:
        nonlocal taken
        while not is_over.is_set():  # 10 KB/s: the pace is what is tested
            taken += len(await client.content.readexactly(1000))
            await asyncio.sleep(0.1)

    async with Slow(whole, folder / "large") as slow, terminal(whole) as echo:
        with watched_memory(*pids(whole)) as memory:
            held = [await slow.get() for _ in range(6)]
            stopped = [await slow.get() for _ in range(6)]
            for client in stopped:
                await client.content.readexactly(100_000)
            crawling = [loop.create_task(crawl(client), name="crawl") for client in held]
            ops, echoes = [], []
            for number in range(30):
                began = time.perf_counter()
                await whole.op("files.stat", path=str(folder / "large"))
                ops.append(time.perf_counter() - began)
                echoes.append(await echo(number))
            is_over.set()
            await asyncio.gather(*crawling)
        assert taken > 6 * 1000
        assert all(client.content.exception() is None for client in (*held, *stopped))
    assert max(memory.growth) < 12 * 4, memory
    assert sorted(ops)[-3] < 0.25, ops
    assert sorted(echoes)[-3] < 0.25, echoes


class Slow:
    """Downloads on connections of their own, cut at the end."""

    def __init__(self, whole: Installation, path: Path) -> None:
        self._whole, self._path = whole, path
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), read_bufsize=4096)
        self._answers: list[aiohttp.ClientResponse] = []

    async def get(self) -> aiohttp.ClientResponse:
        client: Client = self._whole.client
        answer = await self._http.get(url(self._whole), params={"path": str(self._path)}, headers=client.headers)
        self._answers.append(answer)
        return answer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for answer in self._answers:
            answer.close()
        await self._http.close()


@contextlib.asynccontextmanager
async def terminal(whole: Installation) -> AsyncIterator[Callable[[int], Awaitable[float]]]:
    """A terminal that says what is typed; the seconds that one line takes there and back."""
    async with page(whole.client, whole.node, await open_terminal(whole, "stty -echo; echo ready; exec cat")) as reader:
        await reader.shows(b"ready")

        async def echo(number: int) -> float:
            began = time.perf_counter()
            await reader.type(b"<%d>\n" % number)
            await reader.shows(b"<%d>" % number)
            return time.perf_counter() - began

        yield echo


async def test_a_file_that_is_replaced_in_the_midst_is_not_mixed_with_the_new_one(
    whole: Installation, folder: Path
) -> None:
    old, new = b"o" * 40_000_000, b"n" * 40_000_000
    (folder / "large").write_bytes(old)
    async with whole.client.http.get(
        url(whole), params={"path": str(folder / "large")}, headers=whole.client.headers
    ) as answer:
        tag = answer.headers["ETag"]
        first = await answer.content.readexactly(1000)
        (folder / "new").write_bytes(new)
        (folder / "new").rename(folder / "large")
        assert first + await answer.read() == old
    again = await ask(whole, "GET", folder / "large", Range="bytes=1000-", **{"If-Range": tag})
    assert (again.status, again.body == new) == (200, True)
    assert again.headers["ETag"] != tag
    refused = await ask(whole, "GET", folder / "large", Range="bytes=1000-", **{"If-Match": tag})
    assert (refused.status, refused.code) == (412, "precondition_failed")
    going_on = await ask(whole, "GET", folder / "large", Range="bytes=39999990-", **{"If-Range": again.headers["ETag"]})
    assert (going_on.status, going_on.body) == (206, b"n" * 10)
