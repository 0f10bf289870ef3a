"""The address that the node listens on."""

import errno
import socket
import ssl
from pathlib import Path

from aiohttp import web

BACKLOG = 64


class ListenError(Exception):
    """The address cannot be listened on. The text is one sentence."""


def bind(host: str, port: int, *, or_any_port: bool) -> socket.socket:
    """A listening socket; with `or_any_port` a port that is in use is replaced by a free one. Raises ListenError."""
    try:
        return _listen(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE and or_any_port:
            return _listen(host, 0)
        raise ListenError(_sentence(host, port, error)) from error


def tls_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """The certificate of `server.tls_cert`. Blocking; raises ListenError."""
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ListenError(f"server.tls_cert and server.tls_key cannot be used: {error}.") from error
    return context


async def serve(app: web.Application, bound: socket.socket, tls: ssl.SSLContext | None) -> web.AppRunner:
    """Begin to answer; the caller cleans the runner up."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.SockSite(runner, bound, ssl_context=tls, backlog=BACKLOG).start()
    return runner


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(BACKLOG)
    except OSError:
        opened.close()
        raise
    opened.setblocking(False)
    return opened


def _sentence(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use by another program: stop that one, or set server.port to another number."
    if error.errno == errno.EACCES:
        return f"This account may not listen on port {port}: set server.port to 1024 or more."
    return f"The node cannot listen on {host} port {port} ({error.strerror or error}): check server.host."
