"""The addresses under which Main is reached, for people and for its own node."""

from collections.abc import Sequence

from config import MainServer
from ws.listening import EVERY_ADDRESS


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
