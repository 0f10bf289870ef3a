"""GET /metrics: for whoever has `metrics.token`, and for programs on this machine."""

import hmac

from aiohttp import web

from main.keys import ARRIVAL, MAIN
from routes.main.nearness import is_from_this_machine
from ws.bearer import bearer_of
from ws.protocol.errors import ErrorCode, WireError

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"
"""https://prometheus.io/docs/instrumenting/exposition_formats/"""


async def metrics(request: web.Request) -> web.Response:
    """All figures. Raises WireError `unauthorized`, and `forbidden` for a foreign Host without the token."""
    _check(request)
    body = await request.app[MAIN].metrics.text()
    return web.Response(body=body, headers={"Content-Type": TEXT_FORMAT})


def _check(request: web.Request) -> None:
    """A credential that is presented is judged alone; without any, only this very machine may look."""
    main, arrival = request.app[MAIN], request[ARRIVAL]
    given, token = request.headers.get("Authorization"), main.config.metrics.token
    if given is not None:
        presented = (bearer_of(given) or "").encode("utf-8", "surrogateescape")
        if token is None or not hmac.compare_digest(presented, token.encode()):
            raise WireError(ErrorCode.UNAUTHORIZED, "This is not the metrics.token of Main's configuration.")
        return
    if not is_from_this_machine(request):
        raise WireError(
            ErrorCode.UNAUTHORIZED,
            "From another machine /metrics takes metrics.token of Main's configuration as bearer.",
        )
    # A page in this machine's browser that had its name resolve to loopback would have that name in its Host header.
    _ = main.gate.check_host(arrival)
