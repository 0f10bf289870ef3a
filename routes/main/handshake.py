"""What every socket route checks first."""

from aiohttp import web

from ws.protocol.errors import ErrorCode, WireError


def check_handshake(request: web.Request) -> None:
    """Raise WireError `invalid` when the request is no WebSocket handshake."""
    if request.headers.get("Upgrade", "").strip().lower() != "websocket":
        raise WireError(ErrorCode.INVALID, "This address takes a WebSocket handshake.")
