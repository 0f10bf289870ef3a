"""From where a request comes and under which name it calls Main: what proxies say counts only from trusted ones."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from multidict import CIMultiDictProxy

from main.ip import Address, as_address

FORWARDING_HEADERS = (
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Server",
    "X-Real-IP",
    "CF-Connecting-IP",
    "True-Client-IP",
    "Via",
)
"""Any of these means that a proxy stands between: such a request is never taken for one from this machine."""

_HOST = re.compile(r"^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?\Z")
_ORIGIN = re.compile(r"^(https?)://([^/?#@\s]+)\Z", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}

Scheme = Literal["http", "https"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Site:
    """Scheme, host (lower case, no brackets) and port of an origin; two are the same origin when they are equal."""

    scheme: Scheme
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}")


@dataclass(frozen=True)
class Arrival:
    """One request as it reached Main. `site` is None when its Host header is missing, doubled or no host at all."""

    address: str
    is_loopback_peer: bool
    is_forwarded: bool
    site: Site | None
    is_from_proxy: bool = False
    """By one of `server.trusted_proxies`."""


def read_site(scheme: Scheme, host: str) -> Site | None:
    """The origin that a Host header names under `scheme`."""
    found = _HOST.match(host)
    if found is None:
        return None
    port = int(found[3]) if found[3] else _DEFAULT_PORTS[scheme]
    name = found[1] or found[2].rstrip(".")
    if not name or not 0 < port < 65536:
        return None
    return Site(scheme, name.lower(), port)


def read_origin(origin: str) -> Site | None:
    """The origin of an Origin header or of `server.public_url`; None for `null` and for anything malformed."""
    found = _ORIGIN.match(origin)
    if found is None:
        return None
    return read_site("https" if found[1].lower() == "https" else "http", found[2])


class Doorstep:
    """Reads arrivals. `public` is the origin of `server.public_url`."""

    def __init__(self, *, public: Site | None, trusted_proxies: Sequence[str]) -> None:
        self.public = public
        self._proxies: list[Network] = [ipaddress.ip_network(proxy) for proxy in trusted_proxies]

    def arrival(self, peer: str, *, is_tls: bool, headers: CIMultiDictProxy[str]) -> Arrival:
        """`peer` is the address at the other end of the connection."""
        address = as_address(peer)
        is_from_proxy = address is not None and self._is_proxy(address)
        client = self._client(address, headers) if is_from_proxy else address
        return Arrival(
            address=peer if client is None else str(client),
            is_loopback_peer=address is not None and address.is_loopback,
            is_forwarded=any(name in headers for name in FORWARDING_HEADERS),
            site=self._site(headers, is_tls=is_tls, is_from_proxy=is_from_proxy),
            is_from_proxy=is_from_proxy,
        )

    def _is_proxy(self, address: Address) -> bool:
        return any(address in network for network in self._proxies)

    def _client(self, proxy: Address | None, headers: CIMultiDictProxy[str]) -> Address | None:
        """The nearest address that is no trusted proxy: whoever is further away can write what they like."""
        client = proxy
        for part in reversed(",".join(headers.getall("X-Forwarded-For", ())).split(",")):
            address = as_address(part.strip())
            if address is None:
                break
            client = address
            if not self._is_proxy(address):
                break
        return client

    def _site(self, headers: CIMultiDictProxy[str], *, is_tls: bool, is_from_proxy: bool) -> Site | None:
        hosts = headers.getall("Host", ())
        if len(hosts) != 1:
            return None
        told = headers.get("X-Forwarded-Proto", "").strip().lower() if is_from_proxy else ""
        scheme: Scheme = "https" if is_tls or told == "https" else "http"
        site = read_site(scheme, hosts[0])
        if site is not None and self.public is not None and self.public.host == site.host:
            # Behind a proxy that ends TLS the request itself looks like plain http.
            return read_site(self.public.scheme, hosts[0]) if not is_tls else site
        return site
