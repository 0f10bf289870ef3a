"""How Main dials a node: the link, and every stream after it, at the same place."""

from dataclasses import dataclass
from ssl import SSLContext
from urllib.parse import urlsplit

from ws.dial import complete_url

LINK_PATH = "/ws/main"
STREAM_PATH = "/ws/stream"


@dataclass(frozen=True)
class Reach:
    """`address` is the IP address that the name in the URLs was judged by, None where the system may look it up."""

    link_url: str
    stream_url: str
    address: str | None
    tls: SSLContext | None

    @classmethod
    def of(cls, url: str, *, address: str | None = None, tls: SSLContext | None = None) -> "Reach":
        """Complete the URL of a node. Raises ValueError with a sentence when it is none."""
        link_url = complete_url(url, LINK_PATH)
        return cls(link_url, complete_url(link_url.removesuffix(LINK_PATH), STREAM_PATH), address, tls)

    @property
    def shown(self) -> str:
        """Host and port, for people."""
        return urlsplit(self.link_url).netloc
