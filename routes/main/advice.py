"""What is wrong with a proxy in front of Main, told to whoever sets it up: in the answer, and once in the log.

Nothing here opens anything: every sentence goes with a refusal, or with an answer that is given anyway.
"""

from http import HTTPStatus

import aiohttp_jinja2
import structlog
from aiohttp import HttpVersion11, web

from main.auth.arrival import Arrival
from main.auth.gate import WrongAddress, is_loopback_name
from main.keys import ARRIVAL, MAIN
from ws.protocol.errors import WireError

log = structlog.get_logger(__name__)

MAX_SENTENCES = 16
"""Of each kind, for the log: a scanner must not fill it."""

TROUBLE = "trouble.html"
"""Shown for a refusal that a person looks at."""


class Advice:
    """Remembers what the log has been told."""

    def __init__(self) -> None:
        self._told: dict[str, set[str]] = {}

    def tell(self, kind: str, sentence: str) -> None:
        """Write a sentence to the log, each one once."""
        told = self._told.setdefault(kind, set())
        if sentence not in told and len(told) < MAX_SENTENCES:
            told.add(sentence)
            log.warning("reached_wrongly", kind=kind, advice=sentence)


ADVICE: web.AppKey[Advice] = web.AppKey("advice", Advice)


def look_at_proxy(request: web.Request, arrival: Arrival) -> None:
    """Tell of a proxy whose headers do not count, or that hides the name by which it was called."""
    public = request.app[MAIN].doorstep.public
    if arrival.is_forwarded and not arrival.is_from_proxy:
        peer = request.remote or ""
        request.app[ADVICE].tell(
            "trusted_proxies",
            f"{peer} sends forwarding headers that do not count: if it is your proxy, set server.trusted_proxies ="
            f' ["{peer}"]; until then all who come through it are one address to Main',
        )
    elif arrival.is_from_proxy and arrival.site is not None and public is not None:
        is_hidden = is_loopback_name(arrival.site) and not is_loopback_name(public)
        if is_hidden:
            sentence = "the proxy does not pass on the name it was called by: in nginx, proxy_set_header Host $host"
            request.app[ADVICE].tell("host", sentence)


def of_unknown_path(request: web.Request, known: frozenset[str]) -> str | None:
    """A sentence when the path is an address of ours but for `server.base_path`; `known` are ours without it."""
    base, path = request.app[MAIN].config.server.base_path, request.path
    if isinstance(request.match_info.http_exception, web.HTTPMethodNotAllowed):
        return None
    if base and not path.startswith(f"{base}/"):
        is_ours = path in known
        sentence = (
            f"Switchyard is below {base}/ here (server.base_path): open it there, and have a proxy pass on the path as"
            " it is, in nginx by a proxy_pass without a path behind the port."
        )
    else:
        front, _, rest = path.removeprefix(base).removeprefix("/").partition("/")
        # What a person typed, or one part alone, is a slip, unless a proxy shows.
        is_typed = rest == "" or wants_page(request)
        is_meant = not is_typed or request[ARRIVAL].is_forwarded or request.version < HttpVersion11
        is_ours = bool(front) and is_meant and f"/{rest}" in known
        sentence = (
            f"There is no page below {base}/{front[:64]}/ here: if a proxy serves Switchyard there, set"
            f' server.base_path = "{base}/{front[:64]}" in Main\'s configuration.'
        )
    if not is_ours:
        return None
    request.app[ADVICE].tell("base_path", sentence)
    return sentence


def wants_page(request: web.Request) -> bool:
    """Whether a person looks at the answer in a browser's window."""
    destination = request.headers.get("Sec-Fetch-Dest", "document")
    accepts = "text/html" in request.headers.get("Accept", "")
    is_program = any(f"/{part}/" in f"{request.path}/" for part in ("api", "ws", "metrics", "health"))
    return request.method == "GET" and accepts and destination == "document" and not is_program


def page_of(request: web.Request, error: WireError) -> web.Response:
    """The same refusal as a page with one sentence, and the way to the page where that helps."""
    status = HTTPStatus(error.http_status)
    is_lost = status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND}
    home = f"{request.app[MAIN].config.server.base_path}/" if is_lost else ""
    context = {"title": status.phrase, "detail": error.detail, "home": home}
    answer = aiohttp_jinja2.render_template(TROUBLE, request, context, status=status)
    if status is HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def note_refusal(request: web.Request, error: WireError) -> None:
    """Tell the log of a refusal that a set-up is to blame for: a name or an origin that Main does not know."""
    if isinstance(error, WrongAddress):
        request.app[ADVICE].tell(error.kind, error.detail)
