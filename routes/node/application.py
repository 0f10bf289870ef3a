"""The node's own port: /health, and nothing else to anybody."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from routes.health import health

MAX_BODY_BYTES = 1024
"""No route takes a body."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Server": "switchyard"}


def build_app(facts: Callable[[], Mapping[str, Any]]) -> web.Application:
    """`facts` are what /health says beside the common members."""
    app = web.Application(middlewares=[_closed], client_max_size=MAX_BODY_BYTES)
    app.router.add_get("/health", health("node", facts))
    return app


@web.middleware
async def _closed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever is no route gets the same short answer; loopback is no credential."""
    try:
        answer = await handler(request)
    except web.HTTPException as refused:
        problem = {
            "type": "about:blank",
            "title": "Not found" if refused.status == 404 else refused.reason,
            "status": refused.status,
            "code": "not_found" if refused.status == 404 else "invalid",
            "detail": "This is a node of Switchyard; people open Main's address.",
            "retryable": False,
        }
        answer = web.Response(
            status=refused.status, body=msgspec.json.encode(problem), content_type="application/problem+json"
        )
        if "Allow" in refused.headers:
            answer.headers["Allow"] = refused.headers["Allow"]
    answer.headers.update(_HEADERS)
    return answer
