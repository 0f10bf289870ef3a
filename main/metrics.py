"""Figures about Main for Prometheus. Labels name kinds, operations and nodes, never people, sessions or paths."""

import asyncio
import platform
from collections import Counter as Tally
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from main.registry.link import NodeLink
from main.registry.service import Registry
from main.store import Store
from ws.protocol import PROTOCOL_VERSION, __version__
from ws.protocol.base import NodeId
from ws.protocol.op import Op
from ws.protocol.ops import OPS, Place
from ws.rpc import TOTALS, Peer

LAG_EVERY_S = 0.5
"""Two wake-ups a second cost nothing, and a loop that stands still for longer is seen whole."""

MAX_NODES = 200
"""Round trips are shown of so many nodes: a figure each is a series each."""

UNKNOWN_OP = "unknown"

_LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SHORT_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)


class Sized(Protocol):
    """Something of which Main has a number."""

    def __len__(self) -> int: ...


class Metrics:
    """Counts as things happen; what is a state is read when somebody asks. Lives on the loop."""

    def __init__(self, registry: Registry, store: Store, sessions: Callable[[], "Tally[str]"]) -> None:
        self._nodes = registry
        self._store = store
        self._sessions = sessions
        self._made = CollectorRegistry()
        self._sockets: dict[str, Callable[[], int]] = {}
        self._pages: Callable[[], list[Peer]] = list
        made = self._made
        _ = ProcessCollector(registry=made)
        build = Gauge(
            "switchyard_build_info",
            "The version that runs, as labels; always 1.",
            ["version", "protocol", "python"],
            registry=made,
        )
        build.labels(__version__, str(PROTOCOL_VERSION), platform.python_version()).set(1)
        self._calls = Counter("switchyard_calls", "Operations called, by outcome.", ["op", "outcome"], registry=made)
        self._latency = Histogram(
            "switchyard_call_seconds",
            "From a call to its answer, by where it is answered and what it is.",
            ["place", "kind"],
            buckets=_LATENCY_S,
            registry=made,
        )
        # Asking for a child by its labels costs more than counting: each is kept. Both are bounded by the table.
        self._counted: dict[tuple[str, str], Counter] = {}
        self._timed = {op.name: self._latency.labels(_place(op), _kind(op)) for op in OPS.values()}
        self._links = Counter("switchyard_links_opened", "Links of nodes that were opened.", ["mode"], registry=made)
        self._loop_lag = Histogram(
            "switchyard_loop_lag_seconds", "How late the event loop wakes.", buckets=_SHORT_S, registry=made
        )
        self._written = Histogram(
            "switchyard_database_write_seconds", "From a write to its place on disk.", buckets=_SHORT_S, registry=made
        )
        store.database.on_written = self._written.observe
        self._gauges = _Gauges(made)

    def watch_sockets(self, kind: str, opened: Sized) -> None:
        """Show how many of a kind are open."""
        self._sockets[kind] = opened.__len__

    def watch_pages(self, pages: Callable[[], list[Peer]]) -> None:
        """Show what waits in the sockets of browsers."""
        self._pages = pages

    def certificate_ends(self, end: datetime | None) -> None:
        """Show when Main's certificate ends, if it has one."""
        if end is not None:
            self._gauges.certificate.set(end.timestamp())

    def called(self, method: str, outcome: str, seconds: float) -> None:
        """Count one call. A method that no op has counts as `unknown`: what people make up is no label."""
        name = method if method in OPS else UNKNOWN_OP
        counted = self._counted.get((name, outcome))
        if counted is None:
            counted = self._counted[name, outcome] = self._calls.labels(name, outcome)
        counted.inc()
        if outcome == "ok" and name is not UNKNOWN_OP:
            self._timed[name].observe(seconds)

    def node_online(self, link: NodeLink) -> None:
        """A link was opened."""
        self._links.labels(self._nodes.identity(link.node).mode).inc()

    def node_offline(self, node: NodeId) -> None:
        """Read from the registry when somebody asks."""

    def node_removed(self, node: NodeId) -> None:
        """Read from the registry when somebody asks."""

    async def watch_loop(self) -> None:
        """Measure for ever how late the loop is. One task of Main."""
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self._loop_lag.observe(max(0.0, clock() - due))

    async def text(self) -> bytes:
        """All figures in Prometheus's text format."""
        gauges, links = self._gauges, self._nodes.links
        modes = Tally[str](self._nodes.identity(node).mode for node in links)
        gauges.nodes_known.set(len(self._nodes.nodes.keys()))
        _show(gauges.nodes_online, modes)
        gauges.rtt.clear()
        gauges.node_database.clear()
        for node, link in list(links.items())[:MAX_NODES]:
            if link.measured is not None:
                gauges.rtt.labels(node).set(link.measured.rtt_ms / 1000)
                gauges.node_database.labels(node).set(link.measured.database_bytes)
        gauges.framed.set(sum(link.is_framed for link in links.values()))
        pages = self._pages()
        counted = {kind: count() for kind, count in self._sockets.items()}
        _show(gauges.sockets, {**counted, "page": len(pages), "link": len(links)})
        _show(gauges.sessions, self._sessions())
        gauges.subscriptions.set(sum(page.subscriptions for page in pages))
        gauges.waiting_bytes.set(sum(page.waiting_bytes for page in pages))
        gauges.lags.set(TOTALS.lags)
        gauges.writes_waiting.set(self._store.database.waiting_writes)
        gauges.audit_rows.set(await self._store.audit.count())
        return await asyncio.to_thread(generate_latest, self._made)


class _Gauges:
    """States, set whenever somebody asks."""

    def __init__(self, made: CollectorRegistry) -> None:
        def gauge(name: str, about: str, labels: tuple[str, ...] = ()) -> Gauge:
            return Gauge(f"switchyard_{name}", about, labels, registry=made)

        self.nodes_known = gauge("nodes_known", "Nodes that have joined.")
        self.nodes_online = gauge("nodes_online", "Nodes with a live link, by who dials.", ("mode",))
        self.rtt = gauge("link_rtt_seconds", "The last round trip through a link.", ("node",))
        self.framed = gauge("links_framed", "Links whose streams travel in frames: a proxy reads what passes.")
        self.node_database = gauge("node_database_bytes", "What a node's database takes on its disk.", ("node",))
        self.sockets = gauge("sockets", "Open connections by kind.", ("kind",))
        self.sessions = gauge("sessions", "Sessions of all nodes by status.", ("status",))
        self.subscriptions = gauge("subscriptions", "Subscriptions of browsers.")
        self.waiting_bytes = gauge("outbox_bytes", "Waiting to be sent to browsers.")
        self.lags = gauge("lagging", "Subscriptions ended because their reader fell behind, since the start.")
        self.writes_waiting = gauge("database_writes_waiting", "Writes that are not on disk yet.")
        self.audit_rows = gauge("audit_rows", "Rows of the audit trail.")
        self.certificate = gauge("certificate_end_seconds", "When Main's certificate ends, Unix time; 0: it has none.")


def _place(op: Op) -> str:
    return "node" if op.place is Place.NODE else "main"


def _kind(op: Op) -> str:
    if op.is_subscription:
        return "subscription"
    return "read" if op.is_read_only else "write"


def _show(gauge: Gauge, counted: Mapping[str, int]) -> None:
    gauge.clear()
    for label, count in counted.items():
        gauge.labels(label).set(count)
