"""Taking the connection of an aiohttp request over.

This is the one place that relies on how aiohttp 3.14 upgrades (`RequestHandler.set_parser`, `_parser`, `_messages`,
`connection_lost`); the dependency is pinned to that minor, and a test sends handshake and frames in one segment.
"""

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web_request import BaseRequest

from ws.bearer import bearer_of
from ws.protocol.errors import ErrorCode, WireError
from ws.streams.handshake import is_key, write_answer
from ws.streams.keys import StreamKeys
from ws.streams.raw import RawSocket


class RawResponse(web.StreamResponse):
    """What a handler returns whose connection was taken over: aiohttp writes nothing for it."""

    def __init__(self) -> None:
        super().__init__(status=101)

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        pass


async def accept_raw(request: web.Request, protocol: str | None = None) -> RawSocket:
    """Answer the WebSocket handshake of `request` and take its connection over.

    The handler checks credentials first, stays until `wait_ended` returns and then returns a :class:`RawResponse`.
    `protocol` is the subprotocol named in the answer; it must be one that the request offers. Extensions are refused by
    not naming them. Raises web.HTTPBadRequest or web.HTTPUpgradeRequired when it is no handshake that can be accepted,
    ConnectionResetError when the client has gone.
    """
    key = _checked_key(request, protocol)
    handler, transport = request.protocol, request.transport
    if transport is None:
        raise ConnectionResetError("the client has gone")
    transport.write(write_answer(key, protocol))
    behind = _Behind()
    handler.set_parser(behind)  # type: ignore[arg-type]  # wants only feed_data and feed_eof; hands over what it has read
    handler.keep_alive(False)
    # What it kept for reading is 3 KB for as long as the stream lasts.
    handler._parser = None  # noqa: SLF001
    handler._messages = ()  # type: ignore[assignment]  # noqa: SLF001 (it only asks whether there is one)

    def ended() -> None:
        handler.connection_lost(None)

    return RawSocket(transport, behind.data, on_ended=ended)


class _Behind:
    """Stands where aiohttp's frame parser would: takes the bytes that came in one segment with the handshake."""

    def __init__(self) -> None:
        self.data = b""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        pass


def _checked_key(request: web.Request, protocol: str | None) -> str:
    headers = request.headers
    # The parser's own verdict: what it does not take for an upgrade it would go on reading as HTTP.
    if request.method != "GET" or not request._message.upgrade:  # noqa: SLF001
        raise web.HTTPBadRequest(text="This address takes a WebSocket handshake.")
    if headers.get("Upgrade", "").strip().lower() != "websocket":
        raise web.HTTPBadRequest(text="This address takes a WebSocket handshake.")
    if headers.get("Sec-WebSocket-Version", "").strip() != "13":
        detail = "WebSocket version 13 is spoken here."
        raise web.HTTPUpgradeRequired(headers={"Sec-WebSocket-Version": "13"}, text=detail)
    offered = {name.strip() for name in headers.get("Sec-WebSocket-Protocol", "").split(",")}
    if protocol is not None and protocol not in offered:
        raise web.HTTPBadRequest(text=f"The subprotocol {protocol} must be offered.")
    key = headers.get("Sec-WebSocket-Key", "").strip()
    if not is_key(key):
        raise web.HTTPBadRequest(text="Sec-WebSocket-Key is not 16 bytes in base64.")
    return key


async def serve_stream(request: web.Request, keys: StreamKeys) -> RawResponse:
    """A stream that was asked for over the link is dialled back under its one-time key. Returns when it has ended.

    Raises WireError `unauthorized` for any other key.
    """
    pending = keys.accept(bearer_of(request.headers.get("Authorization")) or "")
    if pending is None:
        raise WireError(ErrorCode.UNAUTHORIZED, "This key opens no stream: it was used, or its time is over.")
    try:
        raw = await accept_raw(request)
    except BaseException:
        pending.withdraw()
        raise
    pending.deliver(raw)
    await raw.wait_ended()
    return RawResponse()
