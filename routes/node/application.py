"""The node's own port: /health; and, where Main dials, the link and its streams, for Main alone."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from node.link.door import DoorRefusal, Entrance
from routes.health import health
from ws.defects import internal_error
from ws.protocol import PROTOCOL_VERSION
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.link import NONCE_HEADER, PROTOCOL_HEADER
from ws.rpc import LINK_LIMITS, accept_socket
from ws.streams import RawResponse, serve_stream

MAX_BODY_BYTES = 1024
"""No route takes a body."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Server": "switchyard"}
_NOT_HERE = "This is a node of Switchyard; people open Main's address."


def build_app(facts: Callable[[], Mapping[str, Any]], entrance: Entrance | None = None) -> web.Application:
    """`facts` are what /health says beside the common members; without `entrance` the node cannot be dialled."""
    app = web.Application(middlewares=[_closed], client_max_size=MAX_BODY_BYTES)
    app.router.add_get("/health", health("node", facts))
    if entrance is not None:
        routes = _Routes(entrance)
        app.router.add_get("/ws/main", routes.link, allow_head=False)
        app.router.add_get("/ws/stream", routes.stream, allow_head=False)
    return app


class _Routes:
    """What Main dials."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance

    async def link(self, request: web.Request) -> web.StreamResponse:
        """GET /ws/main: refused before the upgrade, or the link until it ends."""
        door = self._entrance.opened()
        admitted = await door.admit(
            request.headers.get("Authorization"), request.headers.get(NONCE_HEADER), request.remote or "unknown"
        )
        try:
            opened = await accept_socket(request, LINK_LIMITS)
        except BaseException:
            door.lost(admitted)
            raise
        await door.serve(admitted, opened)
        return RawResponse()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """GET /ws/stream: Main brings a stream that it asked for over the link, under its one-time key."""
        return await serve_stream(request, self._entrance.keys)


@web.middleware
async def _closed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every refusal is a problem document; whatever is no route gets the same short answer."""
    try:
        answer = await handler(request)
    except WireError as refused:
        answer = _problem(refused)
        if isinstance(refused, DoorRefusal) and refused.nonce is not None:
            answer.headers[NONCE_HEADER] = refused.nonce
        answer.headers[PROTOCOL_HEADER] = str(PROTOCOL_VERSION)
    except web.HTTPException as refused:
        code = ErrorCode.NOT_FOUND if refused.status == 404 else ErrorCode.INVALID
        answer = _problem(WireError(code, _NOT_HERE), refused.status)
        if "Allow" in refused.headers:
            answer.headers["Allow"] = refused.headers["Allow"]
    except (ConnectionError, TimeoutError):
        raise
    except Exception as error:  # noqa: BLE001  the boundary: a defect is logged once and shown as its id
        answer = _problem(internal_error("request_failed", error, path=request.path[:200]))
    if not answer.prepared:
        answer.headers.update(_HEADERS)
    return answer


def _problem(error: WireError, status: int | None = None) -> web.Response:
    body = error.data if status is None else msgspec.structs.replace(error.data, status=status)
    answer = web.Response(
        status=status or error.http_status, body=msgspec.json.encode(body), content_type="application/problem+json"
    )
    if answer.status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer
