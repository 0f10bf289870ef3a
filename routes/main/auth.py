"""/api/auth: status, sign-up, sign-in, sign-out."""

import msgspec
from aiohttp import web

from main.auth.arrival import read_origin
from main.auth.gate import is_loopback_name
from main.keys import ARRIVAL, MAIN, PRINCIPAL, SITE
from main.relay.params import decode_body
from routes.main.bodies import read_body
from routes.main.cookies import drop_cookie, set_cookie
from routes.main.nearness import is_from_this_machine
from ws.protocol import __version__
from ws.protocol.accounts import AuthStatus, LoginBody, RegisterBody, SignedIn, User

MAX_BODY_BYTES = 16 * 1024
"""Before sign-in nobody may make Main hold more."""


async def status(request: web.Request) -> web.Response:
    """GET /api/auth/status: what the page asks first."""
    needs_setup = await request.app[MAIN].accounts.needs_setup()
    principal = request.get(PRINCIPAL)
    answer = AuthStatus(
        setup_required=needs_setup,
        user=None if principal is None else User(id=principal.user, name=principal.name, role=principal.role_for()),
        version=__version__,
        code_needed=needs_setup and not _is_here(request),
    )
    return _json(answer)


async def register(request: web.Request) -> web.Response:
    """POST /api/auth/register: the first account; afterwards 409 whatever is sent."""
    main = request.app[MAIN]
    await main.accounts.refuse_second_user()
    main.gate.check_origin(request.headers.get("Origin"), request[SITE], is_required=False)
    body = decode_body(await read_body(request, MAX_BODY_BYTES), RegisterBody)
    signed_in = await main.accounts.register(
        body,
        address=request[ARRIVAL].address,
        user_agent=request.headers.get("User-Agent", ""),
        is_here=_is_here(request),
    )
    return _signed_in(request, signed_in, 201)


async def login(request: web.Request) -> web.Response:
    """POST /api/auth/login."""
    main = request.app[MAIN]
    main.gate.check_origin(request.headers.get("Origin"), request[SITE], is_required=False)
    body = decode_body(await read_body(request, MAX_BODY_BYTES), LoginBody)
    signed_in = await main.accounts.login(
        body, address=request[ARRIVAL].address, user_agent=request.headers.get("User-Agent", "")
    )
    return _signed_in(request, signed_in, 200)


async def logout(request: web.Request) -> web.Response:
    """POST /api/auth/logout: 204; the login's sockets end within a second."""
    await request.app[MAIN].accounts.logout(request[PRINCIPAL], address=request[ARRIVAL].address)
    answer = web.Response(status=204)
    drop_cookie(answer, request, request[SITE])
    return answer


def _is_here(request: web.Request) -> bool:
    """Whether the request surely comes from a page or program on this machine.

    The peer and the name are loopback, no proxy stands between, and no page of another origin asks.
    """
    site = request[SITE]
    origin = request.headers.get("Origin")
    return is_from_this_machine(request) and is_loopback_name(site) and (origin is None or read_origin(origin) == site)


def _signed_in(request: web.Request, signed_in: SignedIn, status_code: int) -> web.Response:
    answer = _json(signed_in, status_code)
    set_cookie(answer, request, request[SITE], signed_in.token)
    return answer


def _json(value: msgspec.Struct, status_code: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status_code, content_type="application/json")
