"""/ws/terminal: a terminal's bytes, straight from its node."""

from contextlib import ExitStack
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from main.keys import MAIN, PRINCIPAL
from main.relay.params import decode_body
from main.relay.terminals import OpenStream
from routes.main.handshake import check_handshake
from routes.main.visits import visit_of
from ws.protocol.base import NodeId, NodeKey, Struct, TerminalKey
from ws.protocol.errors import ErrorCode, FieldError, WireError
from ws.protocol.ops import Scope
from ws.protocol.terminals import StreamFault
from ws.streams import RawResponse, RawSocket, accept_raw

_CLOSE_CODES = {
    ErrorCode.INVALID: 4400,
    ErrorCode.CONFLICT: 4400,
    ErrorCode.UNAUTHORIZED: 4401,
    ErrorCode.FORBIDDEN: 4403,
    ErrorCode.NOT_FOUND: 4404,
    ErrorCode.TOO_LARGE: 1009,
}
_CLOSE_OFFLINE = 4503


class _Query(Struct, frozen=True, kw_only=True):
    node: NodeKey
    terminal: TerminalKey
    after: int | None = None


async def terminal(request: web.Request) -> web.StreamResponse:
    """GET /ws/terminal?node=…&terminal=…&after=…: upgraded for whoever may read; then errors are frames.

    Raises WireError `rate_limited`, not upgraded, while too many are being opened.
    """
    check_handshake(request)
    principal, places = request[PRINCIPAL], request.app[MAIN].terminals.places
    principal.require(Scope.READ)
    with ExitStack() as held:
        with places.opening(principal.user):
            try:
                query = _query(request)
                held.enter_context(places.hold(principal.user, NodeId(query.node), query.terminal))
                stream = await _open(request, query)
            except WireError as error:
                return await _refuse(request, error)
            page = await _accept(request, stream)
        await request.app[MAIN].terminals.join(stream, page)
    return RawResponse()


async def _open(request: web.Request, query: _Query) -> OpenStream:
    main = request.app[MAIN]
    request[PRINCIPAL].require(Scope.READ, query.node)
    link = main.registry.link(query.node)
    return await main.terminals.open(link, request[PRINCIPAL], query.terminal, query.after)


async def _accept(request: web.Request, stream: OpenStream) -> RawSocket:
    """The page's connection; the node's is cut when the page has gone."""
    try:
        await request.app[MAIN].joins.note(visit_of(request), stream.link.node, stream.terminal)
        return await accept_raw(request)
    except BaseException:
        stream.raw.abort()
        raise


def _query(request: web.Request) -> _Query:
    given: dict[str, str | int] = dict(parse_qsl(request.query_string, keep_blank_values=True))
    after = given.get("after")
    if after is not None:
        text = str(after)
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise WireError(
                ErrorCode.INVALID,
                "after is a byte offset, 0 or more.",
                errors=[FieldError(path="params.after", message="not a byte offset")],
            )
        given["after"] = int(text)
    query: _Query = decode_body(msgspec.json.encode(given), _Query)
    return query


async def _refuse(request: web.Request, error: WireError) -> web.StreamResponse:
    """Upgrade, say why in a frame, close with the code for it."""
    socket = web.WebSocketResponse(timeout=1.0)
    await socket.prepare(request)
    fault = StreamFault(code=error.code, detail=error.detail)
    await socket.send_str(msgspec.json.encode(fault).decode())
    await socket.close(code=_CLOSE_CODES.get(error.code, _CLOSE_OFFLINE), message=error.code.encode())
    return socket
