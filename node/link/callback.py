"""Callback mode: the node registers with Main over HTTP and is called back; again whenever the link has ended."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from node.link.conversation import About, Conversation
from node.link.credentials import Credential, Credentials
from node.link.direct import common_protocol
from node.link.door import Admitted, DoorRefusal, Entrance
from node.link.status import LinkStatus
from node.store.identity import new_secret
from ws.bearer import bearer_of
from ws.dial import Backoff, DialError, complete_http_url, keep_dialling
from ws.posting import post_json
from ws.proof import is_any
from ws.protocol import PROTOCOL_VERSION
from ws.protocol.link import CALL_BACK_DEADLINE_S, RegisterParams, RegisterResult
from ws.rpc import Handler
from ws.rpc.socket import Socket
from ws.streams import RawSocket
from ws.tasks import TaskOwner

REGISTER_PATH = "/api/nodes/register"


@dataclass(frozen=True)
class Advertised:
    """Where Main shall call: `host` None means the address from which Main sees the registration come."""

    host: str | None
    port: int
    is_tls: bool

    @property
    def url(self) -> str | None:
        """The whole URL when there is a host."""
        if self.host is None:
            return None
        host = f"[{self.host}]" if ":" in self.host and not self.host.startswith("[") else self.host
        return f"{'https' if self.is_tls else 'http'}://{host}:{self.port}"


@dataclass(eq=False)
class _Awaited:
    """A registration whose call is waited for. `done` ends with the link, or with the DialError that it ended by."""

    key: str
    credential: Credential
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    done: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def end(self, error: DialError | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)
            self.done.exception()  # looked at: nobody may wait for it any more


class CallbackLink:
    """`url` is Main's; its path is completed. Raises ValueError with a sentence when it is none."""

    def __init__(
        self,
        url: str,
        about: About,
        credentials: Credentials,
        *,
        entrance: Entrance,
        advertised: Advertised,
        tls: ssl.SSLContext | None,
        status: LinkStatus,
        backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        self._url = complete_http_url(url, REGISTER_PATH)
        self._about = about
        self._credentials = credentials
        self._entrance = entrance
        self._advertised = advertised
        self._tls = tls
        self._status = status
        self._backoff = backoff
        self._protocol = PROTOCOL_VERSION
        self._awaited: _Awaited | None = None
        self._serving: dict[str, _Awaited] = {}
        self._handler: Handler | None = None
        self._tasks = TaskOwner("link")
        self._conversation = Conversation(about, credentials, status, self._tasks)

    def start(self, handler: Handler) -> None:
        """Begin to register; `handler` answers Main's calls."""
        self._handler = handler
        self._entrance.door = self

        async def register() -> None:
            await keep_dialling(self._connect, backoff=self._backoff(), on_state=self._status.dialled)

        _ = self._tasks.start(register(), name="register")

    async def stop(self) -> None:
        """Close the link and register no more."""
        self._entrance.door = None
        await self._conversation.close()
        await self._tasks.close()

    async def dial_stream(self, key: str) -> RawSocket:
        """The stream that Main dials under a one-time key. Raises DialError."""
        return await self._entrance.take_stream(key)

    async def admit(self, authorization: str | None, nonce: str | None, address: str) -> Admitted:
        """Let in who shows the key of the registration that is waited for; the key is used up by it."""
        awaited, key = self._awaited, bearer_of(authorization)
        if awaited is None or key is None or not is_any(key, [awaited.key]):
            raise DoorRefusal("This node waits for the Main with which it has registered, and for nobody else.")
        self._awaited = None
        self._serving[awaited.key] = awaited
        awaited.arrived.set()
        return Admitted(awaited.credential, awaited.credential.answer(nonce), awaited.key)

    async def serve(self, admitted: Admitted, socket: Socket) -> None:
        """Run the link; how it ended is heard by who registered."""
        awaited = self._serving.pop(admitted.address)
        assert self._handler is not None
        try:
            await self._conversation.run(
                socket, self._handler, admitted.credential, main=self._url, proof=admitted.proof
            )
        except DialError as error:
            awaited.end(error)
        finally:
            awaited.end(None)

    def lost(self, admitted: Admitted) -> None:
        """Register again."""
        self._serving.pop(admitted.address).end(DialError("Main ended its call at once."))

    async def _connect(self) -> None:
        """One registration, the call that follows, and the link to its end."""
        credential = await self._credentials.choose()
        awaited = self._awaited = _Awaited(new_secret(), credential)
        try:
            result = await self._register(awaited)
            try:
                async with asyncio.timeout(CALL_BACK_DEADLINE_S):
                    await awaited.arrived.wait()
            except TimeoutError as error:
                raise DialError(_not_called(result)) from error
            await awaited.done
        finally:
            if self._awaited is awaited:
                self._awaited = None

    async def _register(self, awaited: _Awaited) -> RegisterResult:
        params = RegisterParams(
            id=self._about.id,
            name=self._about.name,
            key=awaited.key,
            url=self._advertised.url,
            port=self._advertised.port,
            is_tls=self._advertised.is_tls,
            protocol=self._protocol,
        )
        headers = {"Authorization": f"Bearer {awaited.credential.bearer}"}
        try:
            answer = await post_json(self._url, msgspec.json.encode(params), headers=headers, ssl=self._tls)
        except DialError as error:
            self._protocol = common_protocol(error)
            raise await self._credentials.refused(awaited.credential, error) from error
        try:
            return msgspec.json.decode(answer, type=RegisterResult)
        except msgspec.DecodeError as error:
            raise DialError(f"What answers at {self._url} is no Main of Switchyard: check the address.") from error


def _not_called(result: RegisterResult) -> str:
    if result.problem is not None:
        return result.problem
    return (
        f"Main took the registration and did not call back at {result.url} within {CALL_BACK_DEADLINE_S:g} s: check"
        " node.advertise_host and node.advertise_port, and that no firewall is in between."
    )
