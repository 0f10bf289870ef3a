"""A link from its socket to its end, whoever dialled: the node says hello, once, and then answers Main's calls."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from main.registry.admission import Admission
from main.registry.link import NodeLink
from main.registry.service import Registry
from ws.protocol.errors import ErrorCode, WireError, unknown_op
from ws.protocol.link import CONFIRMED, HelloParams
from ws.rpc import LINK_LIMITS, Answer, IncomingCall, Peer
from ws.rpc.socket import Socket

HELLO_DEADLINE_S = 10.0
"""From the upgrade to the node's link.hello."""

MAX_HELLO_BYTES = 8 * 1024
"""What a node says of itself is shown to everybody again and again; an ordinary one takes half a KiB. With the bound on
the number of nodes, the list of all fits one frame."""

Admit = Callable[[HelloParams], Awaitable[Admission]]
"""Judges who says hello; raises WireError."""


class Greeting:
    """Answers what a node may call of Main. `link` is there once it is online, `refusal` says why it is not."""

    def __init__(self, registry: Registry, admit: Admit) -> None:
        self.link: NodeLink | None = None
        self.refusal: WireError | None = None
        self._registry = registry
        self._admit = admit
        self._is_greeted = False

    async def answer(self, call: IncomingCall) -> Answer:
        """Take link.hello. Raises WireError."""
        if call.method != "link.hello":
            raise unknown_op(call.method)
        if self._is_greeted:
            raise WireError(ErrorCode.CONFLICT, "link.hello comes once.")
        self._is_greeted = True
        try:
            hello = _read(call.params)
            result, self.link = await self._registry.hello(await self._admit(hello), hello, call.peer)
        except WireError as error:
            self.refusal = error
            raise
        return msgspec.json.encode(result)

    def notified(self, method: str, params: bytes) -> None:
        """Take what the node tells without waiting for an answer."""
        if method == CONFIRMED and self.link is not None:
            self._registry.confirm(self.link)

    def give_up(self, abort: Callable[[], None]) -> None:
        """Cut a socket that said no hello."""
        if self.link is None:
            abort()


def _read(params: bytes) -> HelloParams:
    if len(params) > MAX_HELLO_BYTES:
        raise WireError(
            ErrorCode.TOO_LARGE,
            f"link.hello is too long: Main takes {MAX_HELLO_BYTES // 1024} KiB, so shorten node.labels.",
        )
    try:
        return msgspec.json.decode(params, type=HelloParams)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireError(ErrorCode.INVALID, f"link.hello is not as the protocol has it: {error}.") from error


async def serve_link(registry: Registry, socket: Socket, admit: Admit, *, name: str) -> Greeting:
    """Run a link until it ends; what became of it is in the answer."""
    greeting = Greeting(registry, admit)
    peer = Peer(socket, greeting.answer, name=name, limits=LINK_LIMITS, on_notify=greeting.notified)
    timer = asyncio.get_running_loop().call_later(HELLO_DEADLINE_S, greeting.give_up, socket.abort)
    try:
        await peer.run()
    finally:
        timer.cancel()
        if greeting.link is not None:
            await registry.ended(greeting.link)
    return greeting
