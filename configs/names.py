"""Names and addresses of machines, as certificates have them."""

import contextlib
import ipaddress
import socket

import psutil

from configs.table import ConfigError

PRIVATE_NETWORKS = (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16",
    "100.64.0.0/10", "::1/128", "fc00::/7", "fe80::/10",
)  # fmt: skip
"""RFC 1918, 5735, 3927, 6598 (which some VPNs use), 4193, 4291."""

PRIVATE_NAMES = ("localhost", "local", "lan", "internal", "home.arpa")
"""RFC 6761, 6762, 8375; `internal` is reserved by ICANN; `lan` is what many routers use."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def as_address(name: str) -> Address | None:
    """The IP address that `name` is, None for a name."""
    try:
        return ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return None


def own_names() -> list[str]:
    """Names and addresses by which this machine is called. Blocking: asks the resolver."""
    host = socket.gethostname().lower()
    full = socket.getfqdn().lower()
    names = ["localhost", "127.0.0.1", "::1", host, f"{host.partition('.')[0]}.local", full, *_addresses(host)]
    return [name for name in dict.fromkeys(names) if as_address(name) is not None or is_name(name)]


def read_name(name: str) -> str:
    """A name for a certificate as it is written there. Raises ConfigError for what is no host."""
    address = as_address(name)
    if address is not None:
        return str(address)
    try:
        written = name.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        written = ""
    if not is_name(written.removeprefix("*.")):
        raise ConfigError(f"--host {name[:100]!r} must be a name or an address such as main.example or 10.0.0.5")
    return written


def is_name(name: str) -> bool:
    """Whether it may be the name of a machine."""
    labels = name.split(".")
    return len(name) <= 253 and all(
        0 < len(label) <= 63 and label.replace("-", "").replace("_", "").isalnum() and label.isascii()
        for label in labels
    )


def _addresses(host: str) -> list[str]:
    """Addresses of this machine: those of its interfaces and those that its name stands for, less link-local ones."""
    found = [
        each.address.partition("%")[0]
        for interface in psutil.net_if_addrs().values()
        for each in interface
        if each.family in (socket.AF_INET, socket.AF_INET6)
    ]
    with contextlib.suppress(OSError):  # a name that nothing resolves
        found += [str(each[4][0]).partition("%")[0] for each in socket.getaddrinfo(host, None)]
    return [address for address in dict.fromkeys(found) if not ipaddress.ip_address(address).is_link_local]
