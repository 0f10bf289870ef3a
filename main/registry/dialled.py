"""Dialled nodes: Main calls every entry of `main.node_addresses`, for as long as it is listed."""

import asyncio
from collections.abc import Sequence
from ssl import SSLContext

import msgspec
import structlog

from main.registry.admission import Admission, taken
from main.registry.greeting import serve_link
from main.registry.link import POLICY_VIOLATION
from main.registry.proofs import check_proof
from main.registry.reach import Reach
from main.registry.service import Registry
from main.store.nodes import Identity
from ws.dial import Backoff, DialError, DialState, dial_socket, keep_dialling
from ws.proof import is_nonce, new_nonce, proof_of_main
from ws.protocol import PROTOCOL_VERSION
from ws.protocol.base import NodeId
from ws.protocol.errors import ErrorCode, WireError, unknown_op
from ws.protocol.link import NONCE_HEADER, PROOF_SCHEME, PROTOCOL_HEADER, HelloParams, RemovedParams
from ws.rpc import LINK_LIMITS, Answer, IncomingCall, Peer
from ws.rpc.socket import AiohttpSocket
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

UNAUTHORIZED = 401
FAREWELL_DEADLINE_S = 5.0
MAX_PROOFS = 16
"""Register tokens whose proofs fit one header; nobody has as many."""

_ADD_AGAIN = (
    "take the address out of main.node_addresses, remove the node under Machines, then add the address again and start"
    " the node with a register token of this Main that it has not used yet"
)


class DialledNodes:
    """One task for each address. Nothing is final: the machine behind an address may be set up at any time."""

    def __init__(self, registry: Registry, *, tls: SSLContext | None) -> None:
        self._registry = registry
        self._tls = tls
        self._keeping: dict[str, asyncio.Task[None]] = {}
        self._said: dict[str, str] = {}
        self._is_stopping = False
        self._tasks = TaskOwner("dialled")
        registry.farewell = self._bid_farewell

    def follow(self, addresses: Sequence[str]) -> None:
        """Dial these and no others; a link to an address that is not listed any more is closed."""
        wanted = list(dict.fromkeys(addresses))
        for address in [each for each in self._keeping if each not in wanted]:
            self._keeping.pop(address).cancel()
            self._said.pop(address, None)
            self._registry.unlist_address(address)
        for address in [each for each in wanted if each not in self._keeping]:
            self._registry.list_address(address)
            self._keeping[address] = self._tasks.start(self._keep(address), name=f"dial {address}")

    def stop(self) -> None:
        """Begin no new call; links that stand are closed by the registry."""
        self._is_stopping = True

    async def close(self) -> None:
        """End what is left."""
        await self._tasks.close(timeout_s=1.0)

    async def _keep(self, address: str) -> None:
        async def connect() -> None:
            if self._is_stopping:
                await asyncio.Event().wait()
            try:
                reach = Reach.of(address, tls=self._tls)
            except ValueError as error:
                raise DialError(str(error)) from error
            try:
                await self._connect(address, reach)
            except DialError as error:
                raise DialError(error.detail, status=error.status) from error

        await keep_dialling(connect, backoff=Backoff(), on_state=lambda state: self._tell(address, state))

    def _tell(self, address: str, state: DialState) -> None:
        if state.phase != "waiting":
            return
        self._registry.trouble_at(address, state.detail)
        if self._said.get(address) != state.detail:
            self._said[address] = state.detail
            log.warning("node_not_reached", address=address, reason=state.detail)

    async def _connect(self, address: str, reach: Reach) -> None:
        """One link, from the dial to its end. Raises DialError when there was none."""
        known, nonce = self._registry.at(address), new_nonce()
        is_first = False
        try:
            socket = await _dial(reach, nonce, None if known is None else f"Bearer {known.main_secret}")
        except DialError as error:
            theirs = error.headers.get(NONCE_HEADER, "")
            if error.status != UNAUTHORIZED or not is_nonce(theirs):
                raise
            if known is not None and known.is_confirmed:
                raise DialError(
                    f"The machine at {reach.shown} does not know this Main: it is not {known.name} any more, or has"
                    f" lost its memory; {_ADD_AGAIN}."
                ) from error
            proofs = [proof_of_main(each, theirs) for each in self._registry.tokens.all[:MAX_PROOFS]]
            nonce, is_first = new_nonce(), True
            socket = await _dial(reach, nonce, f"{PROOF_SCHEME} {theirs}:{','.join(proofs)}")
        if known is None and not is_first:
            await socket.close(POLICY_VIOLATION, "no proof was asked for")
            raise DialError(f"{reach.shown} lets anybody in, as no node of Switchyard does: check the address.")

        async def admit(hello: HelloParams) -> Admission:
            return self._judge(hello, nonce, known=None if is_first else known, reach=reach, address=address)

        greeting = await serve_link(self._registry, socket, admit, name=f"node at {reach.shown}")
        if greeting.link is None:
            raise DialError(
                f"{reach.shown} took the call and said no hello."
                if greeting.refusal is None
                else greeting.refusal.detail
            )
        self._said.pop(address, None)

    def _judge(
        self, hello: HelloParams, nonce: str, *, known: Identity | None, reach: Reach, address: str
    ) -> Admission:
        """Who says hello at `address`, where `known` was before. Raises WireError `forbidden`."""
        if known is None:
            check_proof(hello, nonce, [each.encode() for each in self._registry.tokens.all], reach.shown)
            other = self._registry.known(hello.id)
            if other is not None and (other.is_confirmed or other.is_local):
                raise taken(other.id)
        else:
            if hello.id != known.id:
                raise WireError(
                    ErrorCode.FORBIDDEN,
                    f"The node at {reach.shown} was {known.id} and says now that it is {hello.id}: set node.id back"
                    f" there, or {_ADD_AGAIN}.",
                )
            check_proof(hello, nonce, [known.proof_key], reach.shown)
        return Admission(
            NodeId(hello.id),
            reach.shown,
            is_first=known is None,
            is_local=False,
            mode="dialed",
            reach=reach,
            listed=address,
        )

    def _bid_farewell(self, removed: Identity) -> None:
        _ = self._tasks.start(self._tell_removed(removed), name=f"farewell {removed.id}")

    async def _tell_removed(self, removed: Identity) -> None:
        """Tell a node without a link that it was removed, so that it may be added again; one attempt."""
        if removed.address is None:
            return

        async def refuse(call: IncomingCall) -> Answer:
            raise unknown_op(call.method)

        try:
            reach = Reach.of(removed.address, tls=self._tls)
            async with asyncio.timeout(FAREWELL_DEADLINE_S):
                peer = Peer(
                    await _dial(reach, new_nonce(), f"Bearer {removed.main_secret}"),
                    refuse,
                    name=f"removed node {removed.id}",
                    limits=LINK_LIMITS,
                )
        except (DialError, TimeoutError) as error:
            log.info("removed_node_not_told", node=removed.id, reason=str(error))
            return
        peer.notify("link.removed", msgspec.json.encode(RemovedParams(reason="It was removed in Main.")))
        running = self._tasks.start(peer.run(), name=f"farewell peer {removed.id}")
        await peer.close(POLICY_VIOLATION, "removed")
        _ = await asyncio.wait({running}, timeout=FAREWELL_DEADLINE_S)


async def _dial(reach: Reach, nonce: str, authorization: str | None) -> AiohttpSocket:
    headers = {PROTOCOL_HEADER: str(PROTOCOL_VERSION), NONCE_HEADER: nonce}
    if authorization is not None:
        headers["Authorization"] = authorization
    return await dial_socket(reach.link_url, headers=headers, ssl=reach.tls, address=reach.address)
