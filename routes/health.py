"""GET /health of both roles: open to everybody, and says no more than that the program lives."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from ws.protocol import __version__

Facts = Callable[[], Mapping[str, Any]]


def health(role: str, facts: Facts) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler; `facts` are the members of this role: `nodes` on Main, `link` on a node."""
    started = time.monotonic()

    async def answer(_: web.Request) -> web.Response:
        body = {
            "status": "ok",
            "role": role,
            "version": __version__,
            "uptime_s": round(time.monotonic() - started, 1),
            **facts(),
        }
        return web.Response(body=msgspec.json.encode(body), content_type="application/json")

    return answer
