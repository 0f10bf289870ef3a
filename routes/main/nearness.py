"""Whether a request surely comes from a program on this machine."""

from aiohttp import HttpVersion11, web

from main.keys import ARRIVAL


def is_from_this_machine(request: web.Request) -> bool:
    """The peer is this machine, and no sign of a proxy there that brings others.

    nginx that is told nothing but `proxy_pass` calls Main by its loopback address without any header of its own; what
    gives it away is HTTP/1.0, which browsers and programs of today do not speak.
    """
    arrival = request[ARRIVAL]
    return arrival.is_loopback_peer and not arrival.is_forwarded and request.version >= HttpVersion11
