"""Direct mode: the node dials Main, says hello, and serves Main's calls until the link ends; then again."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from node.link.credentials import Credential, Credentials
from node.link.status import LinkStatus
from ws.dial import Backoff, DialError, complete_url, dial_socket, keep_dialling
from ws.protocol import MIN_PROTOCOL_VERSION, PROTOCOL_VERSION, __version__
from ws.protocol.base import NodeId, now
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.link import NODE_HEADER, PROTOCOL_HEADER, HelloParams, HelloResult, RemovedParams
from ws.protocol.nodes import Capabilities, Labels
from ws.rpc import LINK_LIMITS, Handler, Peer
from ws.streams import RawSocket, dial_raw
from ws.tasks import TaskOwner

LINK_PATH = "/ws/node"
STREAM_PATH = "/ws/stream"
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


class DirectLink:
    """`url` is Main's; its paths are completed. Raises ValueError with a sentence when it is none."""

    def __init__(
        self,
        url: str,
        about: About,
        credentials: Credentials,
        *,
        tls: ssl.SSLContext | None,
        status: LinkStatus,
        backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        self._link_url = complete_url(url, LINK_PATH)
        self._stream_url = complete_url(self._link_url.removesuffix(LINK_PATH), STREAM_PATH)
        self._about = about
        self._credentials = credentials
        self._tls = tls
        self._status = status
        self._backoff = backoff
        self._tasks = TaskOwner("link")
        self._peer: Peer | None = None
        self._removal: str | None = None

    def start(self, handler: Handler) -> None:
        """Begin to dial; `handler` answers Main's calls."""

        async def connect() -> None:
            await self._connect(handler)

        async def dial() -> None:
            await keep_dialling(connect, backoff=self._backoff(), on_state=self._status.dialled)

        _ = self._tasks.start(dial(), name="dial")

    async def stop(self) -> None:
        """Close the link and dial no more."""
        if self._peer is not None:
            await self._peer.close(1001, "the node is stopping")
        await self._tasks.close()

    async def dial_stream(self, key: str) -> RawSocket:
        """Dial `/ws/stream` back with a one-time key. Raises DialError."""
        return await dial_raw(self._stream_url, {"Authorization": f"Bearer {key}"}, self._tls)

    async def _connect(self, handler: Handler) -> None:
        """One link, from the dial to its end."""
        credential = await self._credentials.choose()
        headers = {
            "Authorization": f"Bearer {credential.bearer}",
            NODE_HEADER: self._about.id,
            PROTOCOL_HEADER: str(PROTOCOL_VERSION),
        }
        try:
            socket = await dial_socket(self._link_url, headers=headers, ssl=self._tls)
        except DialError as error:
            raise await self._credentials.refused(credential, error) from error
        peer = Peer(socket, handler, name="Main", limits=LINK_LIMITS, is_caller_believed=True, on_notify=self._notified)
        running = self._tasks.start(peer.run(), name="peer")
        self._peer = peer
        try:
            await self._greet(peer, credential)
            _ = await asyncio.wait({running})
        finally:
            self._peer = None
            await peer.close()
        if self._removal is not None:
            await self._credentials.removed()
            raise DialError(f"Main has removed this node: {self._removal}", is_final=True)

    async def _greet(self, peer: Peer, credential: Credential) -> None:
        about = self._about
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
            secret=credential.new_secret,
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
        self._status.online(self._link_url)

    def _notified(self, method: str, params: bytes) -> None:
        if method == "link.removed":
            self._removal = msgspec.json.decode(params, type=RemovedParams).reason
