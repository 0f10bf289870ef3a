"""What every socket route checks first."""

from aiohttp import HttpVersion11, web

from main.keys import ARRIVAL
from routes.main.advice import ADVICE
from ws.protocol.errors import ErrorCode, WireError


def check_handshake(request: web.Request) -> None:
    """Raise WireError `invalid` when the request is no WebSocket handshake."""
    if request.headers.get("Upgrade", "").strip().lower() != "websocket":
        sentence = (
            "This address takes a WebSocket handshake; a proxy in between must pass it on, in nginx by"
            ' proxy_http_version 1.1, proxy_set_header Upgrade $http_upgrade and proxy_set_header Connection "upgrade".'
        )
        if request[ARRIVAL].is_forwarded or request.version < HttpVersion11:
            request.app[ADVICE].tell("upgrade", sentence)
        raise WireError(ErrorCode.INVALID, sentence)
