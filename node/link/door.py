"""Where Main comes in when it dials: `/ws/main` for the link, `/ws/stream` for each stream of it."""

from dataclasses import dataclass, field
from typing import Protocol

from node.link.credentials import Credential
from ws.dial import DialError
from ws.protocol.errors import ErrorCode, WireError
from ws.rpc.socket import Socket
from ws.streams import RawSocket, StreamKeys


class DoorRefusal(WireError):
    """A call that is not let in. `nonce`, when there is one, is what a Main at first contact answers."""

    def __init__(self, detail: str, *, nonce: str | None = None) -> None:
        super().__init__(ErrorCode.UNAUTHORIZED, detail)
        self.nonce = nonce


@dataclass(frozen=True)
class Admitted:
    """A Main that has shown who it is: `credential` is what the node is to it, `proof` what the node answers."""

    credential: Credential
    proof: str | None
    address: str


class Door(Protocol):
    """One of the two ways to be called: after a registration, or by Main's own list."""

    async def admit(self, authorization: str | None, nonce: str | None, address: str) -> Admitted:
        """Judge the headers of a call from `address`. Raises DoorRefusal."""

    async def serve(self, admitted: Admitted, socket: Socket) -> None:
        """Run the link until it ends."""

    def lost(self, admitted: Admitted) -> None:
        """The connection ended before it was a link."""


@dataclass
class Entrance:
    """What the routes know. `door` is None until the node is ready for Main."""

    door: Door | None = None
    keys: StreamKeys = field(default_factory=StreamKeys)

    def opened(self) -> Door:
        """Raises WireError `node_offline` while the node starts or stops."""
        if self.door is None:
            raise WireError(ErrorCode.NODE_OFFLINE, "This node is starting; call again in a moment.")
        return self.door

    async def take_stream(self, key: str) -> RawSocket:
        """The stream that Main dials under that one-time key. Raises DialError when it does not come in time."""
        try:
            return await self.keys.expect(key).wait()
        except WireError as error:
            raise DialError(error.detail) from error
