"""A node's live link as Main holds it: calls through it, and the probe that says honestly whether it lives."""

import asyncio
import statistics
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec
import structlog

from main.registry.reach import Reach
from ws.protocol.base import NodeId, Timestamp, now
from ws.protocol.envelope import Caller
from ws.protocol.errors import WireError
from ws.protocol.link import (
    PROBE_INTERVAL_S,
    PROBE_STALE_S,
    HelloParams,
    ProbeResult,
    RemovedParams,
)
from ws.rpc import Peer, Subscription

log = structlog.get_logger(__name__)

SEEN_MS = 5.0
SEEN_OFFSET_MS = 1000.0
"""Differences of a round trip and of a clock that are told at once."""

STEADYING_PROBES = 3
"""The round trip that is shown is the middle one of so many: one that a busy moment made long is no news."""
GOING_AWAY = 1001
POLICY_VIOLATION = 1008


@dataclass(frozen=True)
class Measured:
    """What answered probes told: round trip, and the node's clock minus Main's, in milliseconds."""

    rtt_ms: float
    clock_offset_ms: float
    at: Timestamp
    database_bytes: int = 0
    """Of the node's database; 0: not told."""

    def is_like(self, other: "Measured") -> bool:
        """Whether people would see no difference: half as much or twice as much is one, and a second of the clock."""
        shorter, longer = sorted((self.rtt_ms, other.rtt_ms))
        is_near = longer < 2 * shorter or longer - shorter < SEEN_MS
        return is_near and abs(self.clock_offset_ms - other.clock_offset_ms) < SEEN_OFFSET_MS


class NodeLink:
    """Made when the handshake is done. `hello` is what the node said of itself, `protocol` the version that both speak.

    `reach` is how Main dials the node, None when the node dials; `address` is where it is, for people.
    """

    def __init__(
        self, peer: Peer, hello: HelloParams, *, protocol: int, address: str = "", reach: Reach | None = None
    ) -> None:
        self.node = NodeId(hello.id)
        self.hello = hello
        self.protocol = protocol
        self.address = address
        self.reach = reach
        self.connected_at = now()
        self.measured: Measured | None = None
        self._rtts_ms: deque[float] = deque(maxlen=STEADYING_PROBES)
        self.is_framed = False
        """Its streams travel in frames: something in between reads what passes, as far as is known."""
        self.is_silent = False
        """It was given up because nothing was heard of the node."""
        self._peer = peer

    @property
    def is_open(self) -> bool:
        return self._peer.is_open

    async def call(self, method: str, params: bytes, *, deadline_s: float, caller: Caller | None = None) -> bytes:
        """Call the node; raises what `Peer.call` raises."""
        return await self._peer.call(method, params, deadline_s=deadline_s, caller=caller)

    async def subscribe(
        self, method: str, params: bytes, *, deadline_s: float, caller: Caller | None = None
    ) -> Subscription:
        """Subscribe at the node; raises what `Peer.subscribe` raises."""
        return await self._peer.subscribe(method, params, deadline_s=deadline_s, caller=caller)

    async def probe(self, deadline_s: float) -> Measured:
        """One round trip through the whole link. Raises WireError when the node does not answer in time."""
        sent_s, begun_s = time.time(), time.perf_counter()
        answer = await self._peer.call("link.probe", b"{}", deadline_s=deadline_s)
        rtt_s = time.perf_counter() - begun_s
        self._rtts_ms.append(round(rtt_s * 1000, 2))
        told = msgspec.json.decode(answer, type=ProbeResult)
        offset_s = datetime.fromisoformat(told.time).timestamp() - (sent_s + rtt_s / 2)
        rtt_ms = statistics.median_low(self._rtts_ms)
        self.measured = Measured(rtt_ms, round(offset_s * 1000, 1), now(), told.database_bytes)
        return self.measured

    async def keep_probing(self, on_measured: Callable[["NodeLink"], None]) -> None:
        """Probe every 10 s until the link has ended; close it when nothing was heard of it for 20 s."""
        loop = asyncio.get_running_loop()
        heard = loop.time()
        while self.is_open:
            try:
                await self.probe(PROBE_INTERVAL_S)
                heard = loop.time()
                on_measured(self)
                await asyncio.sleep(PROBE_INTERVAL_S)
            except (WireError, msgspec.DecodeError, ValueError) as error:
                if loop.time() - heard >= PROBE_STALE_S:
                    log.info("node_stale", node=self.node, reason=str(error))
                    self.is_silent = True
                    await self._peer.close(GOING_AWAY, "no answer to probes")
                    return
                await asyncio.sleep(0.1)  # a refusal comes at once: do not spin on it

    async def dismiss(self, reason: str) -> None:
        """Tell the node that its identity is revoked, and close."""
        self._peer.notify("link.removed", msgspec.json.encode(RemovedParams(reason=reason)))
        await self._peer.close(POLICY_VIOLATION, "removed")

    async def close(self) -> None:
        """Main goes away; the node dials again."""
        await self._peer.close(GOING_AWAY, "Main stops")
