"""A subscription over HTTP: `text/event-stream` as browsers and curl read it.

The result is an event `result`, then come the events as plain messages with `id` = seq where there is one; `lagging`
and `ended` are events of those names and the last.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

import msgspec
from aiohttp import web

from main.auth.access import Principal
from main.keys import MAIN
from ws.protocol.errors import WireError
from ws.rpc import Feed
from ws.rpc.limits import BROWSER_LIMITS

KEEP_ALIVE_S = 15.0
"""A comment this often while nothing happens: proxies close connections that are silent for a minute."""


class _Seq(msgspec.Struct):
    seq: int = 0


_read_seq = msgspec.json.Decoder(_Seq).decode


class EventStream:
    """One subscription's sink (`ws.rpc.EventSink`) and the response it is written to. Its bounds are a socket's."""

    def __init__(self, request: web.Request, principal: Principal) -> None:
        self._request = request
        self._principal = principal
        self._frames: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._is_over = False
        self._changed = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()

    def offer(self, event: bytes) -> bool:
        if self._is_over:
            return False
        frame = _message(event)
        if self._frames and self._waiting_bytes + len(frame) > BROWSER_LIMITS.outbox_bytes:
            self.lag()
            return False
        self._add(frame)
        return True

    def offer_all(self, events: Sequence[bytes]) -> bool:
        return all(self.offer(event) for event in events)

    async def send(self, event: bytes) -> bool:
        while not self._is_over and self._waiting_bytes > BROWSER_LIMITS.replay_bytes:
            self._has_room.clear()
            await self._has_room.wait()
        if self._is_over:
            return False
        self._add(_message(event))
        return True

    def lag(self) -> None:
        self._last(b"event: lagging\ndata: {}\n\n")

    def end(self, error: WireError | None = None) -> None:
        body = b"{}" if error is None else msgspec.json.encode({"error": error.data})
        self._last(b"event: ended\ndata: %b\n\n" % body)

    async def serve(self, feed: Feed) -> web.StreamResponse:
        """Write until the subscription is over, the client has gone, or access ends."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        forget = self._request.app[MAIN].live.add(self._principal, self._cut)
        self._frames.append(b"event: result\ndata: %b\n\n" % feed.result)
        detach = feed.attach(self)
        try:
            await response.prepare(self._request)
            while await self._write(response):
                pass
        except ConnectionError:
            pass  # the client has gone, which is how most of these end
        finally:
            forget()
            self._is_over = True
            self._has_room.set()
            detach()
        return response

    async def _write(self, response: web.StreamResponse) -> bool:
        """Write what waits, or a sign of life. False: that was the last."""
        if not self._frames and not self._is_over:
            self._changed.clear()
            try:
                async with asyncio.timeout(KEEP_ALIVE_S):
                    await self._changed.wait()
            except TimeoutError:
                self._add(b":\n\n")
        while self._frames:
            frame = self._frames.popleft()
            async with asyncio.timeout(BROWSER_LIMITS.stall_s):
                await response.write(frame)
            self._waiting_bytes -= len(frame)
            self._has_room.set()
        return not self._is_over

    def _cut(self) -> None:
        """Access has ended: what waits is not shown any more."""
        self._is_over = True
        self._frames.clear()
        self._changed.set()
        if self._request.transport is not None:
            self._request.transport.abort()

    def _last(self, frame: bytes) -> None:
        if not self._is_over:
            self._add(frame)
            self._is_over = True
            self._has_room.set()

    def _add(self, frame: bytes) -> None:
        self._frames.append(frame)
        self._waiting_bytes += len(frame)
        self._changed.set()


def _message(event: bytes) -> bytes:
    seq = _read_seq(event).seq
    return b"id: %d\ndata: %b\n\n" % (seq, event) if seq else b"data: %b\n\n" % event
