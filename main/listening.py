"""The addresses that Main listens on, and how people are told of them."""

import errno
import socket
import ssl
from collections.abc import Sequence

from aiohttp import web

from config import MainServer

BACKLOG = 512
EVERY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104  compared with, not bound here


class ListenError(Exception):
    """An address cannot be listened on. The text is one sentence."""


def tls_context(server: MainServer) -> ssl.SSLContext | None:
    """The certificate of `server.tls_cert`. Blocking; raises ListenError."""
    if server.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(server.tls_cert, server.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ListenError(f"server.tls_cert and server.tls_key cannot be used: {error}.") from error
    return context


def bind(server: MainServer) -> list[socket.socket]:
    """Listening sockets for `server.host` and port, IPv4 and IPv6 for `0.0.0.0`. Raises ListenError."""
    hosts = ["0.0.0.0", "::"] if server.host in EVERY_ADDRESS else [server.host]  # noqa: S104  as configured
    bound: list[socket.socket] = []
    port = server.port
    for host in hosts:
        try:
            opened = _listen(host, port)
        except OSError as error:
            if bound and error.errno in {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}:
                continue  # a machine without IPv6
            for each in bound:
                each.close()
            raise ListenError(_sentence(host, port, error)) from error
        bound.append(opened)
        port = opened.getsockname()[1]
    return bound


def local_url(server: MainServer, port: int) -> str:
    """How a program on this machine reaches Main."""
    scheme = "https" if server.tls_cert is not None else "http"
    host = "127.0.0.1" if server.host in EVERY_ADDRESS else server.host
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def urls(server: MainServer, port: int, lan: str | None) -> Sequence[str]:
    """What to open in a browser: on this machine first, then from others."""
    own = local_url(server, port)
    found = [own]
    if server.host in EVERY_ADDRESS and lan is not None:
        found.append(own.replace("127.0.0.1", lan))
    if server.public_url is not None:
        found.append(server.public_url)
    return [f"{url}{server.base_path}" for url in found]


async def serve(runner: web.BaseRunner, bound: Sequence[socket.socket], tls: ssl.SSLContext | None) -> None:
    """Begin to accept."""
    for each in bound:
        await web.SockSite(runner, each, ssl_context=tls, backlog=BACKLOG).start()


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
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
    return f"Main cannot listen on {host} port {port} ({error.strerror or error}): check server.host and server.port."
