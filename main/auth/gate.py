"""Host and Origin: under which names Main answers, and which pages may act with a user's cookie."""

import socket
from collections.abc import Collection

from main.auth.arrival import Arrival, Site, as_address, read_origin
from ws.protocol.errors import ErrorCode, WireError


def full_name() -> str:
    """The fully qualified name of this machine. Blocking: may ask the resolver, for seconds when that is silent."""
    return socket.getfqdn()


class Gate:
    """The allow-list of hosts, and the one rule for origins."""

    def __init__(self, *, public: Site | None, allowed_hosts: Collection[str]) -> None:
        host = socket.gethostname()
        self._public = public
        self._hosts: set[str] = set()
        for name in (*allowed_hosts, "localhost", host, f"{host}.local"):
            self.add_host(name)
        if public is not None:
            self.add_host(public.host)

    def add_host(self, name: str) -> None:
        """Answer under this name too."""
        if name.strip("."):
            self._hosts.add(name.lower().rstrip("."))

    def check_host(self, arrival: Arrival) -> Site:
        """The origin under which the request called Main. Raises WireError `forbidden` for any other name.

        A page of a foreign name that resolves here (DNS rebinding) has that name in its Host header.
        """
        site = arrival.site
        if site is None:
            raise WireError(ErrorCode.FORBIDDEN, "This request has no single valid Host header.")
        if site.host in self._hosts or as_address(site.host) is not None:
            return site
        raise WireError(
            ErrorCode.FORBIDDEN,
            f"Main is not known as {site.host[:100]!r}: open it by its address, or add the name to"
            " server.allowed_hosts (or server.public_url) in Main's configuration.",
        )

    def check_origin(self, origin: str | None, site: Site, *, is_required: bool) -> None:
        """Raise WireError `forbidden` unless `origin` is Main's own. An absent one passes when not `is_required`."""
        if origin is None and not is_required:
            return
        found = None if origin is None else read_origin(origin)
        if found is not None and found in (site, self._public):
            return
        raise WireError(
            ErrorCode.FORBIDDEN,
            "A page of another origin cannot act here; if this is Main's own page behind a proxy, set"
            " server.public_url to the address in the browser.",
        )


def is_loopback_name(site: Site) -> bool:
    """Whether the request called Main by a name that means this very machine."""
    address = as_address(site.host)
    return site.host == "localhost" or (address is not None and address.is_loopback)
