"""From a request to who calls, from where, by which address."""

from aiohttp import web

from main.keys import ARRIVAL, MAIN, PRINCIPAL, SITE
from main.relay.call import Visit


def visit_of(request: web.Request) -> Visit:
    """For a request that the guard let in."""
    base_url = f"{request[SITE]}{request.app[MAIN].config.server.base_path}"
    return Visit(principal=request[PRINCIPAL], address=request[ARRIVAL].address, base_url=base_url)
