"""Where a registration may make Main call: the registrant's own address, and hosts that Main's configuration lists.

A name is looked up once, and the address that was judged is the one that is dialled.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from yarl import URL

from main.ip import Address, as_address
from ws.protocol.errors import ErrorCode, WireError, invalid
from ws.protocol.link import RegisterParams

RESOLVE_DEADLINE_S = 5.0
DEFAULT_NODE_PORT = 4456
_SCHEMES = {"http": "http", "ws": "http", "https": "https", "wss": "https"}


@dataclass(frozen=True)
class Target:
    """`url` as people know it (http or https, host, port), and the address that it was judged by."""

    url: str
    address: str


async def find_target(params: RegisterParams, registrant: str, hosts: Sequence[str]) -> Target:
    """Where to call who registered from the address `registrant`. Raises WireError: `invalid`, `forbidden`."""
    own = as_address(registrant)
    if own is None:
        raise WireError(ErrorCode.FORBIDDEN, "Main cannot tell from which address this registration comes.")
    if params.url is None:
        scheme = "https" if params.is_tls else "http"
        return Target(str(URL.build(scheme=scheme, host=str(own), port=params.port or DEFAULT_NODE_PORT)), str(own))
    url = _read(params.url)
    host = str(url.host)
    is_listed = any(_is_same_host(host, each) for each in hosts)
    found = await _addresses(host)
    for address in found:
        if _may_call(address, own, host, is_listed=is_listed):
            return Target(str(url), str(address))
    raise WireError(
        ErrorCode.FORBIDDEN,
        f"Main does not call {host} for a node that registers from {own}: leave node.advertise_host out, or add this"
        " host to main.callback_hosts in Main's configuration.",
    )


def _read(text: str) -> URL:
    """Scheme, host and port of a registration's url. Raises WireError `invalid`: nothing else is ever dialled."""
    try:
        url = URL(text)
        port = url.port
    except ValueError as error:
        raise invalid("url", f"This is not a URL: {error}.") from error
    has_more = url.user is not None or url.password is not None or url.query_string or url.fragment
    if url.scheme not in _SCHEMES or not url.host or has_more or url.path not in {"", "/", "/ws/main"}:
        raise invalid("url", "The url of a registration is scheme (http or https), host and port, and nothing else.")
    return URL.build(scheme=_SCHEMES[url.scheme], host=url.host, port=port)


def _is_same_host(host: str, listed: str) -> bool:
    given, wanted = as_address(host), as_address(listed.strip("[]"))
    if given is not None or wanted is not None:
        return given == wanted
    return host.lower().rstrip(".") == listed.lower().rstrip(".")


def _may_call(address: Address, own: Address, host: str, *, is_listed: bool) -> bool:
    if address == own or (address.is_loopback and own.is_loopback):
        return True
    # The literal address, or the name localhost, was listed by somebody who meant it.
    is_meant = is_listed and (as_address(host) is not None or host.lower() == "localhost")
    is_odd = address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified
    return is_meant or (is_listed and not is_odd)


async def _addresses(host: str) -> list[Address]:
    literal = as_address(host)
    if literal is not None:
        return [literal]
    try:
        async with asyncio.timeout(RESOLVE_DEADLINE_S):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except TimeoutError as error:
        raise invalid("url", f"Main's resolver does not answer for {host}: advertise an address instead.") from error
    except (OSError, UnicodeError) as error:
        raise invalid("url", f"Main cannot find {host} ({error}): advertise a name that Main knows.") from error
    return [ipaddress.ip_address(str(each[4][0]).split("%", 1)[0]) for each in found]
