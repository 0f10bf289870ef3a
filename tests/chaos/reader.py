"""Somebody who reads a terminal through every break and comes back at their offset; and somebody who types there."""

import asyncio
import contextlib
import json
import random
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp

from node.terminal.audience import STALLED_AFTER_S
from tests.chaos.counting import counted
from tests.chaos.grounds import NODE, Grounds
from tests.chaos.watcher import BREAKS, PAUSE_S
from tests.support.client import Client
from tests.support.waiting import eventually
from ws.protocol.terminals import ACK_EVERY_BYTES

Kind = Literal["fast", "slow", "stalling", "cutting", "half_closing"]
KINDS: tuple[Kind, ...] = ("fast", "slow", "stalling", "cutting", "half_closing")
SLOW_BYTES_PER_S = 1_000_000
STALL_S = STALLED_AFTER_S + 1.5
SILENCE_S = 30.0
"""Programs print at least every second: longer than any break here is a stream that has died unnoticed."""
HALF_CLOSED_S = 2.0
"""How long what comes after a half-close is still read."""
RETRYABLE = {"node_offline", "timeout"}
GONE = "not_found"
LINE_DIGITS = 6
_CLOSE_S = 0.5


@dataclass
class Reader:
    """`position` is the offset of the next byte; `skipped` are the gaps that were told; `faults` must stay empty.

    One that `is_calm` does nothing but read. `ended` is what was said when the terminal was gone.
    """

    grounds: Grounds = field(repr=False)
    terminal: str
    kind: Kind
    chance: random.Random = field(repr=False)
    node: str = NODE
    position: int = 0
    read_bytes: int = 0
    connections: int = 0
    skipped: list[tuple[int, int]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    ended: str | None = None
    is_calm: bool = False
    _socket: aiohttp.ClientWebSocketResponse | None = field(default=None, repr=False)
    _consumed: int = 0

    async def run(self) -> None:
        """Read until the terminal is gone or something was wrong."""
        try:
            async with Client(self.grounds.network_url) as client:
                client.token = self.grounds.client.token
                while self.ended is None and not self.faults:
                    with contextlib.suppress(*BREAKS):
                        await self._attach(client)
                    await asyncio.sleep(PAUSE_S)
        except Exception as error:
            self.faults.append(f"stopped reading at {self.position}: {error!r}")
            raise

    async def _attach(self, client: Client) -> None:
        params = {"node": self.node, "terminal": self.terminal, "after": str(self.position)}
        closing = aiohttp.ClientWSTimeout(ws_close=_CLOSE_S)
        url = f"{client.url}/ws/terminal"
        async with client.http.ws_connect(
            url, params=params, headers=client.headers, timeout=closing, max_msg_size=0
        ) as socket:
            self._socket = socket
            try:
                await self._read(socket)
            finally:
                self._socket = None

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        patience = self._patience()
        while not self.faults:
            message = await self._next(socket)
            if message.type is aiohttp.WSMsgType.TEXT:
                self._hear(json.loads(message.data))
            elif message.type is aiohttp.WSMsgType.BINARY:
                self._take(message.data)
                patience -= len(message.data)
                if self.kind == "slow" and not self.is_calm:
                    await asyncio.sleep(len(message.data) / SLOW_BYTES_PER_S)
                if patience < 0 and not self.is_calm:
                    patience = self._patience()
                    if not await self._misbehave(socket):
                        return
                await self._acknowledge(socket)
            else:
                return

    async def _next(self, socket: aiohttp.ClientWebSocketResponse) -> aiohttp.WSMessage:
        try:
            return await socket.receive(SILENCE_S)
        except TimeoutError:
            self.faults.append(f"nothing came for {SILENCE_S:g} s at {self.position} over a socket that is open")
            raise

    def _patience(self) -> int:
        """After how many bytes it does what its kind does."""
        return self.chance.randint(100_000, 4_000_000)

    async def _misbehave(self, socket: aiohttp.ClientWebSocketResponse) -> bool:
        """False when the socket is over."""
        match self.kind:
            case "fast" | "slow":
                pass
            case "stalling":
                await asyncio.sleep(STALL_S)  # neither reads nor acknowledges
            case "cutting":
                self._transport(socket).abort()
                return False
            case "half_closing":
                with contextlib.suppress(OSError):  # reset already
                    self._transport(socket).write_eof()
                with contextlib.suppress(*BREAKS):
                    async with asyncio.timeout(HALF_CLOSED_S):
                        while (message := await socket.receive()).type is aiohttp.WSMsgType.BINARY:
                            self._take(message.data)
                return False
        return True

    @staticmethod
    def _transport(socket: aiohttp.ClientWebSocketResponse) -> asyncio.Transport:
        connection = socket._response.connection
        if connection is None or connection.transport is None:
            raise ConnectionError("the socket has just ended")
        return connection.transport

    async def _acknowledge(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        if self.position - self._consumed >= ACK_EVERY_BYTES:
            self._consumed = self.position
            await socket.send_json({"type": "ack", "offset": self.position})

    def _take(self, data: bytes) -> None:
        end = self.position + len(data)
        if data != counted(self.position, end):
            self.faults.append(f"the {len(data)} bytes at {self.position} are others: {data[:60]!r}")
        self.position = end
        self.read_bytes += len(data)

    def _hear(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "attached":
                self.connections += 1
                self._go_on(self.position, frame["offset"])
                self._consumed = self.position
            case "skipped":
                self._go_on(frame["from"], frame["to"])
            case "error" if frame["code"] == GONE:
                self.ended = frame["detail"]
            case "error" if frame["code"] not in RETRYABLE:
                self.faults.append(f"refused at {self.position}: {frame}")

    def _go_on(self, start: int, to: int) -> None:
        """The next byte is byte `to`."""
        if start != self.position or to < start:
            self.faults.append(f"told to go on from {start} to {to} at {self.position}")
        if to != start:
            self.skipped.append((start, to))
        self.position = to


@dataclass
class Typist(Reader):
    """Types numbered lines into a program that says each back.

    `typed` is the last number, `acknowledged` how many came back while it waited, `heard` all that came.
    """

    typed: int = 0
    acknowledged: int = 0
    heard: bytearray = field(default_factory=bytearray, repr=False)

    def _take(self, data: bytes) -> None:
        self.heard += data
        self.position += len(data)
        self.read_bytes += len(data)

    async def type(self) -> None:
        """Line after line, each when the one before came back; after a break with the next, not with the same again.

        A break may leave half a line in the terminal: a line feed ends it.
        """
        while self.ended is None and not self.faults:
            if self._socket is not None and self.heard:
                with contextlib.suppress(*BREAKS):
                    await self._type_over(self._socket)
            await asyncio.sleep(PAUSE_S)

    async def _type_over(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        await socket.send_bytes(b"\n")
        is_heard = True
        while is_heard:
            self.typed += 1
            line = b"%06d" % self.typed
            await socket.send_bytes(line + b"\n")
            is_heard = await self._comes_back(line, socket)
            self.acknowledged += is_heard
            await asyncio.sleep(PAUSE_S)

    async def _comes_back(self, line: bytes, socket: aiohttp.ClientWebSocketResponse) -> bool:
        """False when the socket ended first."""
        try:
            await eventually(
                lambda: self._has_heard(line) or self._socket is not socket, what="an echo", deadline_s=SILENCE_S
            )
        except AssertionError:
            self.faults.append(f"{line!r} never came back over a socket that is open")
        return self._has_heard(line)

    def _has_heard(self, line: bytes) -> bool:
        return b"\n" + line + b"\r\n" in self.heard

    def judge(self) -> None:
        """Every line came at most once and in order; the beginning of one only where it was broken off."""
        lines = bytes(self.heard).split(b"\r\n")
        assert b"ready".startswith(lines[0]), lines[:3]
        before = broken = 0
        for line in filter(None, lines[1:-1]):
            if len(line) < LINE_DIGITS:
                broken += 1
                possible = {b"%06d" % number for number in range(before + 1, self.typed + 1)}
                assert any(each.startswith(line) for each in possible), f"{line!r} came after {before}"
            else:
                assert line == b"%06d" % int(line), f"{line!r} was never typed"
                assert before < int(line) <= self.typed, f"{line!r} came after {before}"
                before = int(line)
        assert broken < max(self.connections, 1), f"{broken} lines are not whole"
        assert not self.skipped, f"so little was written that nothing may be missing: {self.skipped}"
