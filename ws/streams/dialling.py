"""The dialling end of `/ws/stream`: one handshake, then raw bytes."""

import asyncio
from collections.abc import Mapping
from ssl import SSLContext, create_default_context
from typing import cast

from yarl import URL

from ws.dial_errors import FINAL_STATUSES, DialError
from ws.streams import handshake
from ws.streams.raw import RawSocket


async def dial_raw(
    url: str,
    headers: Mapping[str, str],
    ssl: SSLContext | None = None,
    deadline_s: float = 5.0,
    *,
    address: str | None = None,
) -> RawSocket:
    """Connect to a ws(s) `url`, complete the handshake and hand the connection over. Raises DialError.

    `ssl` None checks certificates as the system does. `address` is the IP address to connect to, in place of what the
    name in `url` leads to. No redirects, no proxy.
    """
    target = URL(url)
    try:
        async with asyncio.timeout(deadline_s):
            return await _dial(target, headers, ssl, address)
    except TimeoutError as error:
        raise DialError(f"{target.authority} did not open the stream within {deadline_s:g} s.") from error
    except OSError as error:
        raise DialError(f"{target.authority} cannot be reached: {error}.") from error
    except ValueError as error:
        raise DialError(f"{target.authority} does not speak WebSocket: {error}.") from error


async def _dial(url: URL, headers: Mapping[str, str], tls: SSLContext | None, address: str | None) -> RawSocket:
    if url.scheme not in {"ws", "wss"} or url.host is None or url.port is None:
        raise ValueError("its URL has no ws or wss, or no host")
    is_secure = url.scheme == "wss"
    key = handshake.new_key()
    host = f"{url.host_subcomponent}:{url.port}" if url.explicit_port else str(url.host_subcomponent)
    request = handshake.write_request(host, url.raw_path_qs, key, headers)
    context = (tls or create_default_context()) if is_secure else None
    transport, answer = await asyncio.get_running_loop().create_connection(
        _Answer, address or url.host, url.port, ssl=context, server_hostname=url.host if is_secure else None
    )
    try:
        transport.write(request)
        received, behind = await answer.head
        head = handshake.read_head(received)
        _check(url, head, key)
    except BaseException:
        transport.abort()
        raise
    return RawSocket(transport, behind, is_client=True)


def _check(url: URL, head: handshake.Head, key: str) -> None:
    objection = handshake.objection(head, key)
    if objection:
        is_final = head.status in FINAL_STATUSES
        raise DialError(f"{url.authority} refused the stream: {objection}.", is_final, status=head.status)


class _Answer(asyncio.Protocol):
    """Reads the head of the answer, then stops reading. `head` gets it and the bytes behind it."""

    def __init__(self) -> None:
        self.head: asyncio.Future[tuple[bytes, bytes]] = asyncio.get_running_loop().create_future()
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # no isinstance: uvloop's are of a family of their own

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self.head.done():
            return
        try:
            parts = handshake.split_head(self._received)
        except ValueError as error:
            self.head.set_exception(error)
            return
        if parts is not None:
            assert self._transport is not None
            self._transport.pause_reading()
            self.head.set_result(parts)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.head.done():
            self.head.set_exception(exc or ConnectionResetError("the connection was closed during the handshake"))
            self.head.exception()  # looked at: the dialler may have given up already
