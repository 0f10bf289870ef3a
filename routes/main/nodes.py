"""Where nodes come in: the link, the streams that they dial back, and the registration of those that Main calls."""

import msgspec
from aiohttp import web

from main.ip import as_address
from main.keys import ARRIVAL, MAIN
from main.registry.admission import Admission, VersionRefused
from main.registry.greeting import serve_link
from routes.main.bodies import read_body
from routes.main.handshake import check_handshake
from routes.main.problems import problem
from ws.bearer import bearer_of
from ws.protocol import PROTOCOL_VERSION
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.link import NODE_HEADER, PROTOCOL_HEADER, HelloParams, RegisterParams
from ws.rpc import LINK_LIMITS, accept_socket
from ws.streams import RawResponse, serve_stream

MAX_REGISTRATION_BYTES = 4096
"""Seven short members."""

ACCEPTED = 202


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

    async def admit(_: HelloParams) -> Admission:
        return admission

    opened = await accept_socket(request, LINK_LIMITS)
    await serve_link(registry, opened, admit, name=f"node {admission.node}")
    return RawResponse()


async def stream(request: web.Request) -> web.StreamResponse:
    """GET /ws/stream: a node brings the stream it was asked for, under its one-time key."""
    check_handshake(request)
    return await serve_stream(request, request.app[MAIN].door.keys)


async def register(request: web.Request) -> web.Response:
    """POST /api/nodes/register: 202, and Main calls the node; or a refusal that the node repeats to people."""
    bearer = bearer_of(request.headers.get("Authorization"))
    if bearer is None:
        raise WireError(ErrorCode.UNAUTHORIZED, "A node registers with its secret, or a register token, as bearer.")
    arrival = request[ARRIVAL]
    if arrival.is_forwarded and as_address(request.remote or "") == as_address(arrival.address):
        # What looks like the registrant's own address is that of the proxy.
        raise WireError(
            ErrorCode.FORBIDDEN,
            "This registration came through a proxy that does not say from where: list it in server.trusted_proxies of"
            " Main and let it set X-Forwarded-For, or let the node dial Main (node.main_server_url).",
        )
    body = await read_body(request, MAX_REGISTRATION_BYTES)
    try:
        params = msgspec.json.decode(body, type=RegisterParams)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireError(ErrorCode.INVALID, f"A registration is not as the protocol has it: {error}.") from error
    try:
        result = await request.app[MAIN].callbacks.register(params, bearer, arrival.address)
    except VersionRefused as error:
        answer = problem(error)
        answer.headers[PROTOCOL_HEADER] = str(PROTOCOL_VERSION)
        return answer
    return web.Response(status=ACCEPTED, body=msgspec.json.encode(result), content_type="application/json")
