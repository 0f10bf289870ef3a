"""The registry: which nodes Main knows, which are online, and how they come and go."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Protocol
from weakref import WeakValueDictionary

import msgspec
import structlog

from main.board import Board
from main.registry.admission import Admission, judge, negotiated, read_node_id, read_version, taken
from main.registry.link import Measured, NodeLink
from main.registry.shown import node_of, placeholder, placeholder_id
from main.registry.tokens import RegisterTokens
from main.store import Store
from main.store.nodes import About, Identity, hash_secret
from ws.protocol import __version__
from ws.protocol.base import NodeId, now
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.link import HelloParams, HelloResult
from ws.protocol.names import cleaned
from ws.protocol.nodes import Node, NodeChanged, NodeRemoved
from ws.rpc import Peer
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

SECOND_CLAIM_PROBE_S = 2.0
"""How long the first link of an identity has to answer when somebody else claims it."""

MAX_NODES = 500
"""Known at once. People have some dozens; a register token in wrong hands does not fill memory and list."""

NOTE_EVERY_PROBES = 6
"""`last_seen` is written, and told to those who watch, once a minute: after a crash of Main it is at most that old.

Each probe of each node told to each page would be 40,000 frames a second with 200 nodes and 2,000 pages.
"""


class LinkListener(Protocol):
    """Hears of links as they come and go; called on the loop, returns at once."""

    def node_online(self, link: NodeLink) -> None: ...
    def node_offline(self, node: NodeId) -> None: ...
    def node_removed(self, node: NodeId) -> None: ...


def _encode_changed(node: Node) -> bytes:
    return msgspec.json.encode(NodeChanged(node=node))


def _encode_removed(node: NodeId) -> bytes:
    return msgspec.json.encode(NodeRemoved(id=node))


class Registry:
    """Known nodes by id, the live link of each that is online, and `nodes`: what watchers see."""

    def __init__(self, store: Store, tokens: RegisterTokens, main_id: str) -> None:
        self.tokens = tokens
        self.main_id = main_id
        self.nodes: Board[NodeId, Node] = Board(changed=_encode_changed, removed=_encode_removed)
        self.listeners: list[LinkListener] = []
        self._store = store
        self._known: dict[NodeId, Identity] = {}
        self._links: dict[NodeId, NodeLink] = {}
        self._claims: WeakValueDictionary[NodeId, asyncio.Lock] = WeakValueDictionary()
        self._tasks = TaskOwner("registry")
        self._probes: dict[NodeId, int] = {}
        self._told: dict[NodeId, Measured] = {}
        """What those who watch know of the links."""
        self._problems: dict[NodeId, str] = {}
        self._listed: dict[str, NodeId] = {}
        """Each entry of `main.node_addresses`, and the node or the placeholder that it stands for."""
        self.farewell: Callable[[Identity], None] = lambda _: None
        """Called with a removed node that Main dials and has no link with: it may still be told."""

    async def load(self) -> None:
        """Read the identities. Once, before the first dial."""
        await self.tokens.load()
        for identity in await self._store.identities.all():
            self._known[identity.id] = identity
            self._show(identity.id)

    @property
    def links(self) -> Mapping[NodeId, NodeLink]:
        """Of the nodes that are online."""
        return self._links

    def identity(self, node: str) -> Identity:
        """The node of that id. Raises WireError `not_found`."""
        known = self._known.get(NodeId(node))
        if known is None:
            if node in self._listed.values():
                raise WireError(ErrorCode.NODE_OFFLINE, "Main has not reached the machine at this address yet.")
            raise WireError(ErrorCode.NOT_FOUND, "There is no such node.")
        return known

    def known(self, node: str) -> Identity | None:
        """The node of that id, None for an unknown one."""
        return self._known.get(NodeId(node))

    def at(self, address: str) -> Identity | None:
        """The node to which an entry of `main.node_addresses` led."""
        return next((each for each in self._known.values() if each.address == address), None)

    def list_address(self, address: str) -> None:
        """Show an entry of `main.node_addresses`, also before anybody knows which node is there."""
        known = self.at(address)
        self._listed[address] = placeholder_id(address) if known is None else known.id
        if known is None:
            self.nodes.put(placeholder_id(address), placeholder(address, None))

    def unlist_address(self, address: str) -> None:
        """The entry is gone: its node is one that may be removed."""
        node = self._listed.pop(address, None)
        if node is not None and node not in self._known:
            self.nodes.remove(node)

    def trouble(self, node: NodeId, problem: str) -> None:
        """Note why Main cannot reach a node: one sentence, shown until it is online."""
        if node in self._known:
            self._problems[node] = problem
            _ = self._show(node)

    def trouble_at(self, address: str, problem: str) -> None:
        """The same for an entry of `main.node_addresses`."""
        node = self._listed.get(address)
        if node in self._known:
            self.trouble(NodeId(node), problem)
        elif node is not None:
            self.nodes.put(node, placeholder(address, problem))

    def link(self, node: str) -> NodeLink:
        """The live link to a node. Raises WireError: `not_found`, `node_offline`."""
        identity = self.identity(node)
        link = self._links.get(identity.id)
        if link is None or not link.is_open:
            raise WireError(ErrorCode.NODE_OFFLINE, f"{identity.name} is offline; try again when it is back.")
        return link

    async def admit(self, node: str | None, protocol: str | None, secret: str | None, address: str) -> Admission:
        """Judge a dial by its headers, before the upgrade. Raises WireError with what the node should say."""
        if secret is None:
            raise WireError(ErrorCode.UNAUTHORIZED, "A node presents its secret, or a register token, as bearer.")
        node_id = read_node_id(node)
        try:
            admission = judge(node_id, secret, self._known.get(node_id), self.tokens, address)
            read_version(protocol)
            await self._settle_claim(node_id)
        except WireError as error:
            await self.note_refusal(node_id, address, error)
            raise
        return admission

    async def note_refusal(self, node: NodeId, address: str, error: WireError, subject: str | None = None) -> None:
        """An audit row: who came from `address` as `node` was refused."""
        await self._store.audit.add(
            "node.refused", who=node, address=address, node=node, outcome=error.code, subject=subject
        )

    async def hello(self, admission: Admission, hello: HelloParams, peer: Peer) -> tuple[HelloResult, NodeLink]:
        """The handshake: exchange secrets at first contact and bring the node online. Raises WireError."""
        if hello.id != admission.node:
            raise WireError(ErrorCode.FORBIDDEN, "The id in link.hello is not the one of the dial.")
        spoken = negotiated(hello.protocol, hello.min_protocol)
        # A machine names itself as nobody else may: what cannot be seen could make it look like another one.
        hello = msgspec.structs.replace(hello, name=cleaned(hello.name, hello.id, len(hello.name)))
        async with self._claims.setdefault(admission.node, asyncio.Lock()):
            await self._settle_claim(admission.node)
            main_secret = await self._remember(admission, hello)
            link = NodeLink(peer, hello, protocol=spoken, address=admission.address, reach=admission.reach)
            self._go_online(link)
        result = HelloResult(
            protocol=spoken,
            version=__version__,
            main_id=self.main_id,
            time=now(),
            secret=main_secret if admission.is_first else None,
        )
        return result, link

    async def ended(self, link: NodeLink) -> None:
        """A link is over: the node is offline unless a newer link has taken its place."""
        if self._links.get(link.node) is not link:
            return
        del self._links[link.node]
        self._probes.pop(link.node, None)
        self._told.pop(link.node, None)
        for listener in self.listeners:
            listener.node_offline(link.node)
        log.info("node_offline", node=link.node)
        # Shown before it is written: who is told that the node has gone must not find it online in the list.
        self._see(link)
        if not link.is_silent:
            # Until now its end of the connection was there.
            self._known[link.node] = replace(self._known[link.node], last_seen=now())
        self._show(link.node)
        await self._note(link.node)

    async def rename(self, node: str, name: str) -> Node:
        """Give a node another name. Raises WireError `not_found`."""
        identity = self.identity(node)
        await self._put(replace(identity, name=name))
        return self._show(identity.id)

    async def remove(self, node: str) -> None:
        """Revoke an identity and close its link.

        Raises WireError: `not_found`; `conflict` for the local node and for one in `main.node_addresses`.
        """
        if node in self._listed.values():
            raise WireError(
                ErrorCode.CONFLICT,
                "Main dials this node: take its address out of main.node_addresses in Main's configuration first.",
            )
        identity = self.identity(node)
        if identity.is_local:
            raise WireError(
                ErrorCode.CONFLICT,
                "This is the node of Main's own machine: set main.local_node = false in Main's configuration to be"
                " without it.",
            )
        del self._known[identity.id]
        self._problems.pop(identity.id, None)
        self._told.pop(identity.id, None)
        link = self._links.pop(identity.id, None)
        await self._store.identities.remove(identity.id)
        for listener in self.listeners:
            if link is not None:
                listener.node_offline(identity.id)
            listener.node_removed(identity.id)
        self.nodes.remove(identity.id)
        if link is not None:
            await link.dismiss("This node was removed in Main; to join again it needs a register token.")
        elif identity.address is not None:
            self.farewell(identity)

    def confirm(self, link: NodeLink) -> None:
        """The node keeps the secrets of its first contact: no register token claims its id from now on."""
        known = self._known.get(link.node)
        if known is not None and not known.is_confirmed and self._links.get(link.node) is link:
            self._known[link.node] = replace(known, is_confirmed=True)
            _ = self._tasks.start(self._note(link.node), name=f"note {link.node}")

    async def close(self) -> None:
        """Close every link: Main stops."""
        await self._tasks.close(timeout_s=1.0)
        async with asyncio.TaskGroup() as closing:
            for link in list(self._links.values()):
                closing.create_task(link.close(), name=f"close {link.node}")

    async def _settle_claim(self, node: NodeId) -> None:
        """Let a new link in if the one there is, if any, is silent. Raises WireError `conflict`."""
        first = self._links.get(node)
        if first is None:
            return
        try:
            with suppress(msgspec.DecodeError, ValueError):  # an odd answer is one too
                await first.probe(SECOND_CLAIM_PROBE_S)
        except WireError:
            log.info("link_replaced", node=node)
            await first.close()
            await self.ended(first)
            return
        raise WireError(
            ErrorCode.CONFLICT,
            f"A node {node} is online already: stop that one, or give this machine another id (node.id).",
        )

    async def _remember(self, admission: Admission, hello: HelloParams) -> str:
        """Store what the handshake told; returns Main's secret for this node."""
        known = self._known.get(admission.node)
        about = About(
            name=hello.name,
            platform=hello.platform,
            version=hello.version,
            labels=hello.labels,
            capabilities=hello.capabilities,
            home=hello.home,
        )
        if admission.is_first:
            # Judged anew: since the dial somebody else may have come under this id.
            if known is not None and not admission.is_local and (known.is_confirmed or known.is_local):
                raise taken(admission.node)
            if hello.secret is None:
                raise WireError(ErrorCode.INVALID, "At first contact link.hello carries the secret of the node.")
            if known is None and not admission.is_local and len(self._known) >= MAX_NODES:
                raise WireError(
                    ErrorCode.CONFLICT,
                    f"Main knows {MAX_NODES} nodes, which is as many as it takes: remove some under Machines first.",
                )
            known = Identity(
                id=admission.node,
                name=hello.name if known is None else known.name,
                mode=admission.mode,
                is_local=admission.is_local,
                is_confirmed=False,
                secret_hash=hash_secret(hello.secret),
                main_secret=secrets.token_urlsafe(32),
                about=about,
                last_seen=now(),
                address=admission.listed,
            )
            await self._store.audit.add(
                "node.joined", who=admission.node, address=admission.address, node=admission.node
            )
        elif known is None:
            raise WireError(ErrorCode.UNAUTHORIZED, "This node was removed in Main a moment ago.")
        else:
            # A name given in Main stays, until the node itself is given another one.
            name = known.name if hello.name == known.about.name else hello.name
            known = replace(
                known,
                name=name,
                mode=admission.mode,
                is_confirmed=True,
                about=about,
                last_seen=now(),
                address=admission.listed,
            )
        await self._give_address(known)
        await self._put(known)
        return known.main_secret

    async def _give_address(self, identity: Identity) -> None:
        """One entry of `main.node_addresses` leads to one node: this one, and no placeholder or other any more."""
        address = identity.address
        if address is None:
            return
        for other in [each for each in self._known.values() if each.address == address and each.id != identity.id]:
            await self._put(replace(other, address=None))
            self._show(other.id)
        if self._listed.get(address) == placeholder_id(address):
            self.nodes.remove(placeholder_id(address))
        if address in self._listed:
            self._listed[address] = identity.id

    def _go_online(self, link: NodeLink) -> None:
        self._links[link.node] = link
        self._problems.pop(link.node, None)
        self._show(link.node)
        log.info("node_online", node=link.node, version=link.hello.version)
        _ = self._tasks.start(link.keep_probing(self._measured), name=f"probe {link.node}")
        for listener in self.listeners:
            listener.node_online(link)

    def _measured(self, link: NodeLink) -> None:
        count = self._probes.get(link.node, 0) + 1
        self._probes[link.node] = count
        if self._links.get(link.node) is not link or link.measured is None:
            return
        told = self._told.get(link.node)
        is_news = told is None or not link.measured.is_like(told) or count % NOTE_EVERY_PROBES == 0
        if is_news:
            self._told[link.node] = link.measured
        self._show(link.node, is_news=is_news)
        # By the second probe the node has had the result of its hello for long: it knows the secrets.
        if count == 2 or count % NOTE_EVERY_PROBES == 0:
            self._see(link)
            _ = self._tasks.start(self._note(link.node), name=f"note {link.node}")

    def _see(self, link: NodeLink) -> None:
        """Note when the node was last heard of, and that it knows its secrets once it has answered twice."""
        known = self._known[link.node]
        seen = link.measured.at if link.measured is not None else known.last_seen
        is_confirmed = known.is_confirmed or self._probes.get(link.node, 0) >= 2
        self._known[link.node] = replace(known, last_seen=seen, is_confirmed=is_confirmed)

    async def _note(self, node: NodeId) -> None:
        """Write what is known of a node; what a full disk does not take, the next note has."""
        known = self._known.get(node)
        if known is None:
            return
        try:
            await self._store.identities.put(known)
        except WireError as error:
            log.warning("node_not_noted", node=node, reason=error.detail)

    async def _put(self, identity: Identity) -> None:
        self._known[identity.id] = identity
        await self._store.identities.put(identity)

    def _show(self, node: NodeId, *, is_news: bool = True) -> Node:
        shown = node_of(self._known[node], self._links.get(node), self._problems.get(node))
        self.nodes.put(node, shown, is_news=is_news)
        return shown
