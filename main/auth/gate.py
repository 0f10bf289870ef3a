"""Host and Origin: under which names Main answers, and which pages may act with a user's cookie."""

import socket
from collections.abc import Collection

from main.auth.arrival import Arrival, Site, read_origin
from main.ip import as_address
from ws.protocol.errors import ErrorCode, WireError


def full_name() -> str:
    """The fully qualified name of this machine. Blocking: may ask the resolver, for seconds when that is silent."""
    return socket.getfqdn()


class WrongAddress(WireError):
    """`forbidden`, because of the name or the origin by which Main was called; `kind` is `host` or `origin`.

    Perhaps an attack, perhaps a set-up to be mended: then `detail` says with which key.
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(ErrorCode.FORBIDDEN, detail)
        self.kind = kind


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
            raise WrongAddress(
                "host",
                "This request has no single valid Host header; a proxy passes on the one that it got, in nginx by"
                " proxy_set_header Host $host.",
            )
        if site.host in self._hosts or as_address(site.host) is not None:
            return site
        hint = " A proxy in between must pass on the Host header that it got." if arrival.is_forwarded else ""
        raise WrongAddress(
            "host",
            f"Main is not known as {site.host[:100]!r}: open it by its address, or add the name to"
            f" server.allowed_hosts (or server.public_url) in Main's configuration.{hint}",
        )

    def check_origin(self, origin: str | None, site: Site, *, is_required: bool) -> None:
        """Raise WireError `forbidden` unless `origin` is Main's own. An absent one passes when not `is_required`."""
        if origin is None and not is_required:
            return
        found = None if origin is None else read_origin(origin)
        if found is not None and found in (site, self._public):
            return
        # Only the own name is repeated as a value to set: a page of anybody else must not get its name in there.
        value = f'= "{found}"' if found is not None and found.host == site.host else "to the address in the browser"
        raise WrongAddress(
            "origin",
            "A page of another origin cannot act here; if this is Main's own page behind a proxy, set"
            f" server.public_url {value}, in Main's configuration.",
        )


def is_loopback_name(site: Site) -> bool:
    """Whether the request called Main by a name that means this very machine."""
    address = as_address(site.host)
    return site.host == "localhost" or (address is not None and address.is_loopback)
