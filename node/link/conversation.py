"""One link with Main, whoever dialled it: say hello, serve Main's calls, and hear what Main decides."""

import asyncio
from dataclasses import dataclass

import msgspec

from node.link.credentials import Credential, Credentials
from node.link.status import LinkStatus
from ws.dial import DialError
from ws.protocol import MIN_PROTOCOL_VERSION, PROTOCOL_VERSION, __version__
from ws.protocol.base import NodeId, now
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.link import CONFIRMED, HelloParams, HelloResult, RemovedParams
from ws.protocol.nodes import Capabilities, Labels
from ws.rpc import LINK_LIMITS, Handler, Peer
from ws.rpc.socket import Socket
from ws.tasks import TaskOwner

HELLO_DEADLINE_S = 10.0

_FINAL_CODES = {ErrorCode.FORBIDDEN, ErrorCode.UNAUTHORIZED, ErrorCode.INVALID}


@dataclass(frozen=True)
class About:
    """What the node says of itself."""

    id: NodeId
    name: str
    platform: str
    labels: Labels
    capabilities: Capabilities
    home: str


class Conversation:
    """Runs links. There is one at a time: a new one, which has shown that it is Main's, ends the one before."""

    def __init__(self, about: About, credentials: Credentials, status: LinkStatus, tasks: TaskOwner) -> None:
        self.about = about
        self._credentials = credentials
        self._status = status
        self._tasks = tasks
        self._peer: Peer | None = None

    @property
    def is_up(self) -> bool:
        """Whether there is a link, or one that is being greeted."""
        return self._peer is not None

    async def close(self) -> None:
        """Say goodbye to Main: the node stops."""
        if self._peer is not None:
            await self._peer.close(1001, "the node is stopping")

    async def run(
        self, socket: Socket, handler: Handler, credential: Credential, *, main: str, proof: str | None = None
    ) -> None:
        """From the open socket to its end. `main` is Main's address, `proof` the answer to the nonce of its dial.

        Raises DialError when the handshake fails, and a final one when Main has removed this node.
        """
        removals: list[str] = []

        def notified(method: str, params: bytes) -> None:
            if method == "link.removed":
                removals.append(msgspec.json.decode(params, type=RemovedParams).reason)

        peer = Peer(socket, handler, name="Main", limits=LINK_LIMITS, is_caller_believed=True, on_notify=notified)
        running = self._tasks.start(peer.run(), name="peer")
        earlier, self._peer = self._peer, peer
        if earlier is not None:
            await earlier.close(1001, "Main has opened another link")
        try:
            await self._greet(peer, credential, main, proof)
            _ = await asyncio.wait({running})
        except DialError:
            if not removals:
                raise
        finally:
            if self._peer is peer:
                self._peer = None
            await peer.close()
        if removals:
            await self._credentials.removed()
            raise DialError(f"Main has removed this node: {removals[0]}", is_final=True)

    async def _greet(self, peer: Peer, credential: Credential, main: str, proof: str | None) -> None:
        about = self.about
        hello = HelloParams(
            protocol=PROTOCOL_VERSION,
            min_protocol=MIN_PROTOCOL_VERSION,
            version=__version__,
            id=about.id,
            name=about.name,
            platform=about.platform,
            labels=about.labels,
            capabilities=about.capabilities,
            time=now(),
            home=about.home,
            has_carriage=True,
            secret=credential.new_secret,
            proof=proof,
        )
        try:
            answer = await peer.call("link.hello", msgspec.json.encode(hello), deadline_s=HELLO_DEADLINE_S)
            result = msgspec.json.decode(answer, type=HelloResult)
        except WireError as error:
            raise DialError(error.detail, is_final=error.code in _FINAL_CODES) from error
        except msgspec.DecodeError as error:
            raise DialError(
                f"Main's answer to the handshake cannot be read ({error}): update the older side."
            ) from error
        await self._credentials.accepted(credential, main_secret=result.secret, main_id=result.main_id)
        if credential.new_secret is not None:
            peer.notify(CONFIRMED, b"{}")
        self._status.online(main)
