"""Dialled mode: the node waits for the Main that has its address, and lets nobody else in."""

import asyncio
from collections import OrderedDict

import structlog

from node.link.conversation import About, Conversation
from node.link.credentials import Credential, Credentials
from node.link.door import Admitted, DoorRefusal, Entrance
from node.link.status import LinkStatus
from ws.bearer import bearer_of
from ws.dial import DialError, DialState
from ws.proof import new_nonce
from ws.protocol.link import PROOF_SCHEME
from ws.rpc import Handler
from ws.rpc.socket import Socket
from ws.streams import RawSocket
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

NONCE_LIFE_S = 10.0
"""From a 401 to Main's answer to it."""

MAX_NONCES = 1024
"""The oldest goes when there are more: a flood of calls costs no memory, and Main simply calls again."""

_WAITING = "This node waits for Main to call: its address belongs into main.node_addresses there."
_TAKEN = (
    "This node belongs to a Main already, or to this one under another address: remove it there, then start it anew"
    " with another register token (node.register_token)."
)
_NOTHING_TO_WAIT_FOR = (
    "This node has no Main and no register token: set node.main_server_url to Main's address, or let Main dial this"
    " node (main.node_addresses) and set node.register_token to the one that Main shows under Machines."
)
_FOREIGN = "This is not the Main that this node waits for: it does not know node.register_token."


class DialledLink:
    """Admits Main by its secret, or at first contact by its answer to a nonce."""

    def __init__(self, about: About, credentials: Credentials, *, entrance: Entrance, status: LinkStatus) -> None:
        self._credentials = credentials
        self._entrance = entrance
        self._status = status
        self._nonces: OrderedDict[str, float] = OrderedDict()
        self._handler: Handler | None = None
        self._is_removed = False
        self._tasks = TaskOwner("link")
        self._conversation = Conversation(about, credentials, status, self._tasks)

    def start(self, handler: Handler) -> None:
        """Begin to let Main in; `handler` answers its calls."""
        self._handler = handler
        self._entrance.door = self
        _ = self._tasks.start(self._look(), name="look")

    async def stop(self) -> None:
        """Close the link and let nobody in."""
        self._entrance.door = None
        await self._conversation.close()
        await self._tasks.close()

    async def dial_stream(self, key: str) -> RawSocket:
        """The stream that Main dials under a one-time key. Raises DialError."""
        return await self._entrance.take_stream(key)

    async def admit(self, authorization: str | None, nonce: str | None, address: str) -> Admitted:
        """Judge a call. A 401 with a nonce is how first contact begins."""
        if self._is_removed:
            raise DoorRefusal("Main has removed this node: start it anew to add it again.")
        credential = await self._judge(authorization, address)
        return Admitted(credential, credential.answer(nonce), address)

    async def serve(self, admitted: Admitted, socket: Socket) -> None:
        """Run the link; afterwards wait for the next call."""
        assert self._handler is not None
        detail = "The link has ended; Main will call again."
        try:
            await self._conversation.run(
                socket, self._handler, admitted.credential, main=f"Main at {admitted.address}", proof=admitted.proof
            )
        except DialError as error:
            detail = error.detail
            if await self._credentials.is_revoked():
                self._is_removed = True
                self._status.dialled(DialState("refused", f"{detail} To add it again, start this node anew."))
                return
        if not self._conversation.is_up:
            self._status.dialled(DialState("waiting", detail))

    def lost(self, admitted: Admitted) -> None:
        """Main calls again."""

    async def _look(self) -> None:
        """Say at the start what this node waits for."""
        if await self._credentials.has_main() or await self._credentials.may_be_first():
            self._status.waits(_WAITING)
        else:
            self._status.dialled(DialState("refused", _NOTHING_TO_WAIT_FOR))

    async def _judge(self, authorization: str | None, address: str) -> Credential:
        secret = bearer_of(authorization)
        if secret is not None and (credential := await self._credentials.for_main(secret)) is not None:
            return credential
        if not await self._credentials.may_be_first():
            raise self._refused(_TAKEN if await self._credentials.has_main() else _NOTHING_TO_WAIT_FOR, address)
        scheme, _, answer = (authorization or "").partition(" ")
        if scheme != PROOF_SCHEME:
            raise DoorRefusal("First contact: answer the nonce.", nonce=self._new_nonce())
        nonce, _, proofs = answer.partition(":")
        if self._is_fresh(nonce):
            credential = await self._credentials.for_proofs(proofs.split(","), nonce)
            if credential is not None:
                return credential
        raise self._refused(_FOREIGN, address)

    def _refused(self, detail: str, address: str) -> DoorRefusal:
        if not self._conversation.is_up and self._status.detail != detail:
            self._status.dialled(DialState("waiting", detail))
        log.warning("main_refused", address=address, reason=detail)
        return DoorRefusal(detail)

    def _new_nonce(self) -> str:
        nonce = new_nonce()
        self._nonces[nonce] = asyncio.get_running_loop().time() + NONCE_LIFE_S
        if len(self._nonces) > MAX_NONCES:
            self._nonces.popitem(last=False)
        return nonce

    def _is_fresh(self, nonce: str) -> bool:
        """Whether this node made that nonce a moment ago; each counts once."""
        until = self._nonces.pop(nonce, None)
        return until is not None and asyncio.get_running_loop().time() < until
