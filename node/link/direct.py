"""Direct mode: the node dials Main, and again whenever the link has ended."""

import ssl
from collections.abc import Callable

from node.link.conversation import About, Conversation
from node.link.credentials import Credentials
from node.link.status import LinkStatus
from ws.dial import Backoff, DialError, complete_url, dial_socket, keep_dialling
from ws.protocol import MIN_PROTOCOL_VERSION, PROTOCOL_VERSION
from ws.protocol.link import NODE_HEADER, PROTOCOL_HEADER
from ws.rpc import Handler
from ws.streams import RawSocket, dial_raw
from ws.tasks import TaskOwner

LINK_PATH = "/ws/node"
STREAM_PATH = "/ws/stream"
UPGRADE_REQUIRED = 426


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
        self._protocol = PROTOCOL_VERSION
        self._tasks = TaskOwner("link")
        self._conversation = Conversation(about, credentials, status, self._tasks)

    def start(self, handler: Handler) -> None:
        """Begin to dial; `handler` answers Main's calls."""

        async def connect() -> None:
            await self._connect(handler)

        async def dial() -> None:
            await keep_dialling(connect, backoff=self._backoff(), on_state=self._status.dialled)

        _ = self._tasks.start(dial(), name="dial")

    async def stop(self) -> None:
        """Close the link and dial no more."""
        await self._conversation.close()
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
            PROTOCOL_HEADER: str(self._protocol),
        }
        try:
            socket = await dial_socket(self._link_url, headers=headers, ssl=self._tls)
        except DialError as error:
            self._protocol = common_protocol(error)
            raise await self._credentials.refused(credential, error) from error
        await self._conversation.run(socket, handler, credential, main=self._link_url)


def common_protocol(error: DialError) -> int:
    """The version to name at the next attempt: an older Main says its own when it refuses a newer one."""
    theirs = error.headers.get(PROTOCOL_HEADER, "")
    if error.status != UPGRADE_REQUIRED or not (theirs.isascii() and theirs.isdigit()):
        return PROTOCOL_VERSION
    return int(theirs) if MIN_PROTOCOL_VERSION <= int(theirs) < PROTOCOL_VERSION else PROTOCOL_VERSION
