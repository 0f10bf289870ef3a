"""Where nodes come in: the link, and the streams that they dial back."""

import asyncio
from collections.abc import Callable

import msgspec
from aiohttp import web

from main.keys import ARRIVAL, MAIN
from main.registry.admission import Admission, VersionRefused
from main.registry.link import NodeLink
from main.registry.service import Registry
from routes.main.guard import bearer_of
from routes.main.handshake import check_handshake
from routes.main.problems import problem
from ws.protocol import PROTOCOL_VERSION
from ws.protocol.errors import ErrorCode, WireError, unknown_op
from ws.protocol.link import NODE_HEADER, PROTOCOL_HEADER, HelloParams
from ws.rpc import LINK_LIMITS, Answer, IncomingCall, Peer, accept_socket
from ws.streams import RawResponse, accept_raw

HELLO_DEADLINE_S = 10.0
"""From the upgrade to the node's link.hello."""


async def link(request: web.Request) -> web.StreamResponse:
    """GET /ws/node: refused with a sentence before the upgrade, or the link until it ends."""
    check_handshake(request)
    registry = request.app[MAIN].registry
    try:
        admission = await registry.admit(
            request.headers.get(NODE_HEADER),
            request.headers.get(PROTOCOL_HEADER),
            bearer_of(request.headers.get("Authorization")),
            request[ARRIVAL].address,
        )
    except VersionRefused as error:
        answer = problem(error)
        answer.headers[PROTOCOL_HEADER] = str(PROTOCOL_VERSION)
        return answer
    opened = await accept_socket(request, LINK_LIMITS)
    incoming = _Incoming(registry, admission)
    peer = Peer(opened, incoming.answer, name=f"node {admission.node}", limits=LINK_LIMITS)
    timer = asyncio.get_running_loop().call_later(HELLO_DEADLINE_S, incoming.give_up, opened.abort)
    try:
        await peer.run()
    finally:
        timer.cancel()
        if incoming.link is not None:
            await registry.ended(incoming.link)
    return RawResponse()


async def stream(request: web.Request) -> web.StreamResponse:
    """GET /ws/stream: a node brings the stream it was asked for, under its one-time key."""
    check_handshake(request)
    pending = request.app[MAIN].door.keys.accept(bearer_of(request.headers.get("Authorization")) or "")
    if pending is None:
        raise WireError(ErrorCode.UNAUTHORIZED, "This key opens no stream: it was used, or its time is over.")
    try:
        raw = await accept_raw(request)
    except BaseException:
        pending.withdraw()
        raise
    pending.deliver(raw)
    await raw.wait_ended()
    return RawResponse()


class _Incoming:
    """Answers what a node may call of Main: link.hello, once."""

    def __init__(self, registry: Registry, admission: Admission) -> None:
        self.link: NodeLink | None = None
        self._registry = registry
        self._admission = admission
        self._is_greeted = False

    async def answer(self, call: IncomingCall) -> Answer:
        if call.method != "link.hello":
            raise unknown_op(call.method)
        if self._is_greeted:
            raise WireError(ErrorCode.CONFLICT, "link.hello comes once.")
        self._is_greeted = True
        try:
            hello = msgspec.json.decode(call.params, type=HelloParams)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise WireError(ErrorCode.INVALID, f"link.hello is not as the protocol has it: {error}.") from error
        result, self.link = await self._registry.hello(self._admission, hello, call.peer)
        return msgspec.json.encode(result)

    def give_up(self, abort: Callable[[], None]) -> None:
        if self.link is None:
            abort()
