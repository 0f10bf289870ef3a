"""Options of the TCP sockets under links and streams: quick, and honest about a peer that is gone."""

import asyncio
import socket
from contextlib import suppress

KEEPALIVE_IDLE_S = 20
KEEPALIVE_INTERVAL_S = 5
KEEPALIVE_PROBES = 4
"""A silent connection is found dead after 20 + 4 x 5 s; it also keeps NAT entries alive."""

USER_TIMEOUT_MS = 120_000
"""Bytes written and not acknowledged for this long end the connection (Linux, tcp(7)).

It also counts while the other end keeps its window closed (measured on Linux 6), so it is longer than the minute for
which a page that does not read is waited for in `ws.streams`.
"""


def tune(transport: asyncio.BaseTransport) -> None:
    """No delay, keep-alive and the user timeout. Does nothing for what is no TCP socket."""
    raw = transport.get_extra_info("socket")
    if raw is None or raw.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    # A connection that has ended meanwhile refuses options (uvloop: ValueError); its owner learns of it by reading.
    with suppress(OSError, ValueError):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (
            ("TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
            ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_S),
            ("TCP_KEEPCNT", KEEPALIVE_PROBES),
            ("TCP_USER_TIMEOUT", USER_TIMEOUT_MS),
        ):
            option = getattr(socket, name, None)  # macOS lacks some of them
            if option is not None:
                raw.setsockopt(socket.IPPROTO_TCP, option, value)
