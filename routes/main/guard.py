"""The one place that decides who gets in: closed, unless the address is listed here.

Order: Host, credentials, then whatever the address itself checks.
"""

from collections.abc import Awaitable, Callable
from enum import Enum, auto
from http import HTTPStatus

from aiohttp import web

from main.auth.access import Principal
from main.auth.api_tokens import PREFIX
from main.auth.arrival import Site
from main.keys import ARRIVAL, MAIN, PRINCIPAL, SITE, TOKEN
from routes.main.advice import look_at_proxy, note_refusal, of_unknown_path, page_of, wants_page
from routes.main.cookies import cookie_name, set_cookie
from routes.main.problems import NOT_THERE, defect, problem, refusal
from ws.bearer import bearer_of
from ws.protocol.errors import ErrorCode, WireError
from ws.requests import begin_request

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Open(Enum):
    """Why an address is open without a user's credentials."""

    HEALTH = auto()
    """Says that Main lives and nothing else; the Host header is not looked at."""
    METRICS = auto()
    """Takes a token of its own, or none from this machine."""
    NODE = auto()
    """Has credentials of its own (a node's secret, a register token, a one-time key) and is called by any name."""
    SIGN_IN = auto()
    """Signing in; takes credentials if there are any."""
    PAGE = auto()
    """The page's shell and its static parts, the same for everybody."""


OPEN: dict[str, Open] = {
    "/health": Open.HEALTH,
    "/metrics": Open.METRICS,
    "/ws/node": Open.NODE,
    "/ws/stream": Open.NODE,
    "/api/nodes/register": Open.NODE,
    "/api/auth/status": Open.SIGN_IN,
    "/api/auth/register": Open.SIGN_IN,
    "/api/auth/login": Open.SIGN_IN,
    "/": Open.PAGE,
    "/add": Open.PAGE,
    "/login": Open.PAGE,
    "/m": Open.PAGE,
    "/m/{rest}": Open.PAGE,
    "/more": Open.PAGE,
    "/needs": Open.PAGE,
    "/new": Open.PAGE,
    "/settings": Open.PAGE,
    "/settings/{rest}": Open.PAGE,
    "/assets/{name}": Open.PAGE,
}
"""By the path of the route as it is registered, below `server.base_path`. Everything else, also what is no address at
all, needs a user's credentials."""

OUR_PATHS = frozenset({*OPEN, "/ws", "/ws/terminal"})
"""By these a request is known that misses `server.base_path`."""

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost layer: whatever fails below becomes a problem document, or a page for whoever opened one."""
    begin_request()
    try:
        return await handler(request)
    except WireError as error:
        note_refusal(request, error)
        return page_of(request, error) if wants_page(request) else problem(error)
    except web.HTTPException as error:
        is_looked_for = error.status == HTTPStatus.NOT_FOUND and wants_page(request)
        return page_of(request, WireError(ErrorCode.NOT_FOUND, NOT_THERE)) if is_looked_for else refusal(error)
    except (ConnectionError, TimeoutError):
        raise
    except Exception as error:  # noqa: BLE001  the boundary: one request never takes the connection's others down
        return defect(error, request)


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request in or refuse it. Raises WireError `forbidden` (Host, Origin) or `unauthorized`."""
    main = request.app[MAIN]
    arrival = request[ARRIVAL] = main.doorstep.arrival(
        request.remote or "", is_tls=request.secure, headers=request.headers
    )
    reason = OPEN.get(_route(request))
    if reason in (Open.HEALTH, Open.METRICS, Open.NODE):
        return await handler(request)
    _refuse_absolute_form(request)
    site = request[SITE] = main.gate.check_host(arrival)
    look_at_proxy(request, arrival)
    if reason is Open.PAGE:
        return await handler(request)
    await _identify(request, site)
    if reason is not Open.SIGN_IN and PRINCIPAL not in request:
        raise _refusal_of_a_stranger(request)
    answer = await handler(request)
    if TOKEN in request and not answer.prepared:
        set_cookie(answer, request, site, request[TOKEN])
    return answer


def _route(request: web.Request) -> str:
    """The path of the route as registered, below the base path; empty for what is no route."""
    resource = request.match_info.route.resource
    if resource is None:
        return ""
    path = resource.canonical.removeprefix(request.app[MAIN].config.server.base_path)
    return path or "/"


def _refuse_absolute_form(request: web.Request) -> None:
    """A request line with a whole URL is for proxies; its host and the Host header may differ."""
    if not request.raw_path.startswith("/"):
        raise WireError(ErrorCode.FORBIDDEN, "Main is no proxy: the request line holds a path.")


async def _identify(request: web.Request, site: Site) -> None:
    """Note who calls. A bearer that is presented is judged alone; a cookie counts only for Main's own pages."""
    accounts, gate = request.app[MAIN].accounts, request.app[MAIN].gate
    bearer = request.headers.get("Authorization")
    if bearer is not None:
        principal = await _bearer(request, bearer_of(bearer) or "")
        if principal is not None:
            request[PRINCIPAL] = principal
        return
    token = request.cookies.get(cookie_name(request, site))
    if token is None:
        return
    found = await accounts.authenticate(token)
    if found is None:
        return
    is_upgrade = "Upgrade" in request.headers
    gate.check_origin(request.headers.get("Origin"), site, is_required=is_upgrade or request.method not in SAFE_METHODS)
    request[PRINCIPAL], is_prolonged = found
    if is_prolonged:
        request[TOKEN] = token


def _refusal_of_a_stranger(request: web.Request) -> WireError:
    """Where nothing is, a person is told so: every page is open, so that it tells nobody what there is."""
    is_nowhere = request.match_info.route.resource is None
    advice = of_unknown_path(request, OUR_PATHS) if is_nowhere else None
    if is_nowhere and advice is None and wants_page(request):
        return WireError(ErrorCode.NOT_FOUND, NOT_THERE)
    return WireError(ErrorCode.UNAUTHORIZED, advice or _how_to_sign_in(request))


def _how_to_sign_in(request: web.Request) -> str:
    if bearer_of(request.headers.get("Authorization", "")) is None:
        return "Sign in first."
    return "This token is not known, or it has ended: make another in the page under Settings, API tokens."


async def _bearer(request: web.Request, token: str) -> Principal | None:
    """Who presents it: the token of a login, or an API token, which counts here and never as a cookie."""
    main = request.app[MAIN]
    if token.startswith(PREFIX):
        return await main.api_tokens.authenticate(token)
    found = await main.accounts.authenticate(token)
    return None if found is None else found[0]
