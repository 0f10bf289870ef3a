"""Many pages that watch, as raw bytes, so that reading them costs little: the worker of the scale benchmark.

Each watches the machines, all sessions, and one session of one node; when that node has gone and is back, it watches
the session again. What is refused, or ends for another reason, is tried again after a while, as the page does.
"""

import asyncio
import base64
import json
import re
import secrets
import statistics
import sys
import time
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop

from tests.bench.scale.nodes import SESSION, node_id
from tests.bench.scale.worker import Answer, obey

OPENED_AT_ONCE = 50
OPEN_S = 60.0
RETURN_S = 120.0
"""For all to see their sessions live again, at the worst."""

TAIL_BYTES = 128
_FRAME = b'"jsonrpc":"2.0"'
_PING = b"\x89\x00"
_PONG = b"\x8a\x80" + bytes(4)
"""Main cuts a socket that says nothing; bytes that only look like a ping cost a pong too many."""

_LIVE = b'"type":"live"'
_ENDED = b'"method":"ended"'
_REFUSED = b'"error":{"code":-'
_AFTER_REFUSAL_S = 1.0
_AFTER_END_S = 10.0
_SEQ = b'"seq":'
_NUMBER = re.compile(rb"\d+")
_SAID = re.compile(rb"@(\d+\.\d+)@")
_SAMPLED = 10
"""Of so many sockets one looks at the moments in what it gets: the others only count."""


class Page(asyncio.Protocol):
    """One socket."""

    def __init__(self, number: int, nodes: int) -> None:
        node = node_id(number % nodes)
        self._calls: list[tuple[str, dict[str, Any]]] = [
            ("nodes.watch", {}),
            ("session.list_watch", {}),
            ("session.watch", {"node": node, "session": SESSION, "after": 0}),
        ]
        self._is_back = f'"id":"{node}","name":"{node.title()}","status":"online"'.encode()
        self._turns = re.compile(b"|".join(map(re.escape, (_LIVE, _ENDED, _REFUSED, self._is_back))))
        self._place = self._calls[-1][1]
        self._is_sampled = number % _SAMPLED == 0
        self._transport: asyncio.Transport | None = None
        self._has_upgraded = False
        self._has_ended = False
        self._last_byte = b""
        self._tail = b""
        """The end of what came, in which no turn has been found yet: one may be cut."""
        self.live = asyncio.Event()
        self.frames = self.bytes = self.lagging = 0
        self.is_closed = False
        self.latencies_ms: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _: Exception | None) -> None:
        self.is_closed = True
        self.live.set()  # nobody waits for it any more; it is counted as closed

    def upgrade(self, host: str, token: str) -> None:
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        self._write(
            f"GET /ws?batches=1 HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        if not self._has_upgraded:
            self._has_upgraded = data.startswith(b"HTTP/1.1 101")
            for number in range(len(self._calls)):
                self._call(number)
            return
        self.bytes += len(data)
        self.frames += data.count(_FRAME)
        if _PING in self._last_byte + data:
            self._write(_PONG)
        self._last_byte = data[-1:]
        if b'"method":"lagging"' in data:
            self.lagging += 1
        self._follow(self._tail + data)
        if (at := data.rfind(_SEQ)) >= 0 and (found := _NUMBER.match(data, at + len(_SEQ))):
            self._place["after"] = int(found[0])
        if self._is_sampled:
            moment = time.time()
            self.latencies_ms += [(moment - float(said)) * 1000 for said in _SAID.findall(data)]

    def _follow(self, seen: bytes) -> None:
        """What becomes of the session, turn by turn."""
        end = 0
        for found in self._turns.finditer(seen):
            end = found.end()
            if found[0] == _LIVE:
                self.live.set()
            elif found[0] == _ENDED:
                self._try_again(_AFTER_END_S)
            elif found[0] == _REFUSED:
                self._try_again(_AFTER_REFUSAL_S)
            else:
                self._watch_again()
        self._tail = seen[max(end, len(seen) - TAIL_BYTES) :]

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _try_again(self, after_s: float) -> None:
        """The session is not watched any more: the node's return is awaited at most so long."""
        self._has_ended = True
        _ = asyncio.get_running_loop().call_later(after_s, self._watch_again)

    def _watch_again(self) -> None:
        if self._has_ended:
            self._has_ended = False
            self._call(2)

    def _call(self, number: int) -> None:
        """A masked text frame; a mask of zeros leaves the text as it is."""
        method, params = self._calls[number]
        call_id = secrets.randbits(30)
        text = json.dumps({"jsonrpc": "2.0", "id": call_id, "method": method, "params": params}).encode()
        length = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
        self._write(b"\x81" + length + bytes(4) + text)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


class Crowd:
    """All pages of this process."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 0
        self._pages: list[Page] = []

    async def open(self, *, until: int, nodes: int, tokens: list[str]) -> Answer:
        """As many as that are open and live then; each of the tokens gets as many as the others."""
        begun = time.perf_counter()
        while len(self._pages) < until:
            first = len(self._pages)
            numbers = range(first, min(first + OPENED_AT_ONCE, until))
            async with asyncio.TaskGroup() as group:
                opening = [
                    group.create_task(self._open(number, nodes, tokens[number % len(tokens)]), name="open")
                    for number in numbers
                ]
            self._pages += [each.result() for each in opening]
        return {"s": time.perf_counter() - begun}

    async def count(self) -> Answer:
        """What has come since the last count."""
        frames = sorted(page.frames for page in self._pages)
        latencies = sorted(ms for page in self._pages for ms in page.latencies_ms)
        answer = {
            "frames": sum(frames),
            "least": frames[0],
            "most": frames[-1],
            "median": statistics.median(frames),
            "bytes": sum(page.bytes for page in self._pages),
            "lagging": sum(page.lagging for page in self._pages),
            "closed": sum(page.is_closed for page in self._pages),
            "p50_ms": latencies[len(latencies) // 2] if latencies else 0.0,
            "p99_ms": latencies[len(latencies) * 99 // 100] if latencies else 0.0,
        }
        for page in self._pages:
            page.frames = page.bytes = page.lagging = 0
            page.latencies_ms.clear()
        return answer

    async def expect_return(self) -> Answer:
        """From now on it counts which pages see their session live again."""
        for page in self._pages:
            if not page.is_closed:
                page.live.clear()
        return {}

    async def returned(self) -> Answer:
        """Wait until all do that are open."""
        begun = time.perf_counter()
        async with asyncio.timeout(RETURN_S):
            for page in self._pages:
                await page.live.wait()
        return {"s": time.perf_counter() - begun}

    async def _open(self, number: int, nodes: int, token: str) -> Page:
        loop = asyncio.get_running_loop()
        page = Page(number, nodes)
        await loop.create_connection(lambda: page, self._host, self._port)
        page.upgrade(f"{self._host}:{self._port}", token)
        async with asyncio.timeout(OPEN_S):
            await page.live.wait()
        return page

    def close(self) -> None:
        for page in self._pages:
            page.close()


async def work(url: str) -> None:
    crowd = Crowd(url)
    await obey(
        {
            "open": crowd.open,
            "count": crowd.count,
            "expect_return": crowd.expect_return,
            "returned": crowd.returned,
        }
    )
    crowd.close()


if __name__ == "__main__":
    uvloop.run(work(*sys.argv[1:]))
