"""Listening sockets of a role, and the sentences for people when there are none."""

import errno
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

BACKLOG = 512
EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104  compared with, not bound here


class ListenError(Exception):
    """An address cannot be listened on. The text is one sentence."""


def serving_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """The context of `server.tls_cert` and `server.tls_key`, None without them. Blocking.

    Raises ListenError with the sentence of `check_pair` when they cannot be used.
    """
    if certificate is None or key is None:
        return None
    from ws.certificates import check_pair  # noqa: PLC0415 - who serves no TLS has no use for it

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        check_pair(certificate, key)
        context.load_cert_chain(certificate, key)
    except ValueError as error:
        raise ListenError(str(error)) from error
    except OSError as error:
        raise ListenError(f"server.tls_cert and server.tls_key cannot be used: {error}.") from error
    return context


def bind(host: str, port: int, *, or_any_port: bool = False, or_none: bool = False) -> list[socket.socket]:
    """Listening sockets for `host` and `port`, IPv4 and IPv6 for ``0.0.0.0``; port 0 takes any free one.

    With `or_any_port` a port that is in use is replaced by a free one; `or_none` says that 0 opens none and that none
    is needed. Raises ListenError.
    """
    try:
        return _bind_all(host, port)
    except ListenError as error:
        cause = error.__cause__
        is_in_use = isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE
        if or_any_port and is_in_use:
            return _bind_all(host, 0)
        if or_none and is_in_use:
            told = str(error).removesuffix(".")
            raise ListenError(f"{told}, such as 0, which opens none: Main does not dial this node.") from cause
        raise


async def serve(runner: web.BaseRunner, bound: Sequence[socket.socket], tls: ssl.SSLContext | None) -> None:
    """Begin to accept. `runner` has been set up; its owner cleans it up."""
    for each in bound:
        await web.SockSite(runner, each, ssl_context=tls, backlog=BACKLOG).start()


def _bind_all(host: str, port: int) -> list[socket.socket]:
    hosts = ["0.0.0.0", "::"] if host in EVERY_ADDRESS else [host]  # noqa: S104  as configured
    bound: list[socket.socket] = []
    for each in hosts:
        try:
            opened = _listen(each, port)
        except OSError as error:
            if bound and error.errno in {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}:
                continue  # a machine without IPv6
            for earlier in bound:
                earlier.close()
            raise ListenError(_sentence(each, port, error)) from error
        bound.append(opened)
        port = opened.getsockname()[1]
    return bound


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
    return f"Nothing can listen on {host} port {port} ({error.strerror or error}): check server.host and server.port."
