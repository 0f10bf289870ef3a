"""Byte streams between Main and a node: the node is asked over the link, then `/ws/stream` is dialled.

Who dialled the link dials its streams too: the node back to Main, or Main at the node.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import msgspec
import structlog
from msgspec.structs import replace

from main.registry.link import NodeLink
from main.registry.reach import Reach
from ws.dial import DialError
from ws.protocol.base import Carriage, StreamId, Struct
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.link import DIAL_BACK_DEADLINE_S
from ws.streams import ProbeFailedError, RawSocket, StreamKeys, carried_at_main, dial_raw

log = structlog.get_logger(__name__)

EARLY_RETRY_S = 0.02
"""Main's call may be faster than the node's handler, which answers first and then waits for it."""

UNAUTHORIZED = 401

PROBE_AGAIN_S = 30.0
PROBE_AGAIN_MAX_S = 3600.0
"""A probe can fail because a machine is busy, so a later stream of the link is probed again; each time half as soon."""


@dataclass(frozen=True)
class Opened:
    """A stream that stands. `answer` is what the node said to the call that asked for it."""

    id: StreamId
    answer: bytes
    raw: RawSocket


class Way:
    """How the streams of a link travel: probed, until one has come through; in frames for a while after one failed."""

    def __init__(self) -> None:
        self._is_raw = False
        self._again_s: float | None = None
        self._wait_s = PROBE_AGAIN_S

    def next(self, now_s: float) -> Carriage:
        """For a stream that is about to be opened. Of those that come at once, one probes again."""
        if self._is_raw:
            return "raw"
        if self._again_s is not None:
            if now_s < self._again_s:
                return "framed"
            self._wait_s = min(2 * self._wait_s, PROBE_AGAIN_MAX_S)
            self._again_s = now_s + self._wait_s
        return "probed"

    def passed(self) -> None:
        self._is_raw = True

    def failed(self, now_s: float) -> None:
        if self._again_s is None:
            self._again_s = now_s + self._wait_s


class StreamDoor:
    """Opens streams, whoever dials. `keys` are the one-time keys of those that nodes dial back.

    The first stream of a link shows whether something in between reads frames; the others follow it.
    """

    def __init__(self) -> None:
        self.keys = StreamKeys()
        self._ways: WeakKeyDictionary[NodeLink, Way] = WeakKeyDictionary()

    async def open(self, link: NodeLink, method: str, ask: Callable[[StreamId, str], Struct]) -> Opened:
        """Call `method` of the link with the params that `ask` makes of the stream's id and its key.

        Raises WireError: the node's own refusal, or `timeout` when the stream does not come. The caller owns the
        socket.
        """
        if not link.hello.has_carriage:
            return await self._open(link, method, ask, "raw")
        way, clock = self._ways.setdefault(link, Way()), asyncio.get_running_loop().time
        carriage = way.next(clock())
        try:
            opened = await self._open(link, method, ask, carriage)
        except ProbeFailedError as error:
            way.failed(clock())
            if not link.is_framed:
                link.is_framed = True
                log.info("streams_framed", node=link.node, reason=str(error))
            return await self._open(link, method, ask, "framed")
        if carriage == "probed":
            way.passed()
            if link.is_framed:
                link.is_framed = False
                log.info("streams_raw_again", node=link.node)
        return opened

    async def _open(
        self, link: NodeLink, method: str, ask: Callable[[StreamId, str], Struct], carriage: Carriage
    ) -> Opened:
        """As `open`; ProbeFailedError when the carriage does not carry."""
        stream = StreamId(secrets.token_urlsafe(12))

        def params(key: str) -> Struct:
            return replace(ask(stream, key), carriage=carriage)

        if link.reach is not None:
            key = secrets.token_urlsafe(32)
            answer = await _ask(link, method, params(key))
            return Opened(stream, answer, await carried_at_main(await _dial(link.reach, key), carriage))
        pending = self.keys.offer(stream)
        try:
            answer = await _ask(link, method, params(pending.key))
            return Opened(stream, answer, await carried_at_main(await pending.wait(), carriage))
        except BaseException:
            pending.withdraw()
            raise


async def _ask(link: NodeLink, method: str, params: Struct) -> bytes:
    return await link.call(method, msgspec.json.encode(params), deadline_s=DIAL_BACK_DEADLINE_S)


async def _dial(reach: Reach, key: str) -> RawSocket:
    headers = {"Authorization": f"Bearer {key}"}
    try:
        async with asyncio.timeout(DIAL_BACK_DEADLINE_S):
            while True:
                try:
                    return await dial_raw(reach.stream_url, headers, reach.tls, address=reach.address)
                except DialError as error:
                    if error.status != UNAUTHORIZED:
                        raise WireError(ErrorCode.TIMEOUT, error.detail, retryable=True) from error
                await asyncio.sleep(EARLY_RETRY_S)
    except TimeoutError as error:
        detail = f"The machine did not take the stream within {DIAL_BACK_DEADLINE_S:g} s; try again."
        raise WireError(ErrorCode.TIMEOUT, detail, retryable=True) from error
