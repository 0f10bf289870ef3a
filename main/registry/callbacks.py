"""Callback mode: a node registers over HTTP, and Main calls it at once, under the one-time key of the registration."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from ssl import SSLContext

import structlog

from main.registry.admission import Admission
from main.registry.greeting import serve_link
from main.registry.proofs import check_proof
from main.registry.reach import Reach
from main.registry.service import Registry
from main.registry.targets import find_target
from main.store.nodes import Identity
from ws.dial import DialError, dial_socket
from ws.proof import new_nonce
from ws.protocol import PROTOCOL_VERSION
from ws.protocol.base import NodeId
from ws.protocol.errors import ErrorCode, WireError, invalid
from ws.protocol.link import NONCE_HEADER, PROTOCOL_HEADER, HelloParams, RegisterParams, RegisterResult
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

MAX_CALLS = 256
"""Calls on their way at once, each at most 20 s old; and problems that are remembered. A link is no call any more."""


class Callbacks:
    """`hosts` is `main.callback_hosts`; it may change."""

    def __init__(self, registry: Registry, *, hosts: Sequence[str], tls: SSLContext | None) -> None:
        self.hosts = list(hosts)
        self._registry = registry
        self._tls = tls
        self._calls: dict[NodeId, asyncio.Task[None]] = {}
        self._problems: OrderedDict[NodeId, str] = OrderedDict()
        self._tasks = TaskOwner("callbacks")

    async def register(self, params: RegisterParams, bearer: str | None, address: str) -> RegisterResult:
        """Judge a registration from `address` and call the node. Raises WireError with what the node should say."""
        registry = self._registry
        admission = await registry.admit(params.id, str(params.protocol), bearer, address)
        try:
            target = await find_target(params, address, self.hosts)
        except WireError as error:
            await registry.note_refusal(admission.node, address, error, subject=params.url)
            raise
        if params.key is None:
            raise invalid("key", "A registration carries the one-time key that Main presents when it calls.")
        if admission.is_local:
            raise WireError(ErrorCode.FORBIDDEN, "Main's own node dials Main.")
        reach = Reach.of(target.url, address=target.address, tls=self._tls)
        known = registry.known(admission.node)
        # Whoever registers again has given the earlier call up.
        if (earlier := self._calls.pop(admission.node, None)) is not None:
            earlier.cancel()
        if len(self._calls) >= MAX_CALLS:
            raise WireError(ErrorCode.RATE_LIMITED, "Main calls many nodes back already; try again.", retry_after_s=5.0)
        called = replace(admission, address=reach.shown, mode="callback", reach=reach)
        task = self._tasks.start(self._call(called, known, reach, params.key), name=f"call {admission.node}")
        self._calls[admission.node] = task
        task.add_done_callback(lambda ended: self._ended(admission.node, ended))
        return RegisterResult(url=target.url, problem=self._problems.get(admission.node))

    async def close(self) -> None:
        """Give up what is on its way; links that stand belong to the registry by then."""
        await self._tasks.close(timeout_s=1.0)

    def _ended(self, node: NodeId, task: asyncio.Task[None]) -> None:
        if self._calls.get(node) is task:
            del self._calls[node]

    async def _call(self, admission: Admission, known: Identity | None, reach: Reach, key: str) -> None:
        nonce = new_nonce()
        headers = {"Authorization": f"Bearer {key}", PROTOCOL_HEADER: str(PROTOCOL_VERSION), NONCE_HEADER: nonce}
        try:
            socket = await dial_socket(reach.link_url, headers=headers, ssl=reach.tls, address=reach.address)
        except DialError as error:
            self._note(admission.node, f"Main cannot call this node back: {error.detail}")
            return

        async def admit(hello: HelloParams) -> Admission:
            keys = [each.encode() for each in self._registry.tokens.all]
            check_proof(hello, nonce, keys if known is None or admission.is_first else [known.proof_key], reach.shown)
            self._problems.pop(admission.node, None)
            self._calls.pop(admission.node, None)
            return admission

        greeting = await serve_link(self._registry, socket, admit, name=f"node {admission.node}")
        if greeting.link is None:
            detail = "it said no hello." if greeting.refusal is None else greeting.refusal.detail
            self._note(admission.node, f"Main called this node back at {reach.shown} in vain: {detail}")

    def _note(self, node: NodeId, problem: str) -> None:
        """For people, and for the node: it is told when it registers again."""
        if self._problems.get(node) != problem:
            log.warning("callback_failed", node=node, reason=problem)
        self._problems[node] = problem
        self._problems.move_to_end(node)
        if len(self._problems) > MAX_CALLS:
            self._problems.popitem(last=False)
        self._registry.trouble(node, problem)
