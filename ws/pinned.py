"""A resolver that knows one address: the name was looked up and judged before, and must not lead elsewhere since."""

import socket

from aiohttp.abc import AbstractResolver, ResolveResult


def resolver_for(address: str | None) -> AbstractResolver | None:
    """For a connector: every name means `address`; None leaves names to the system."""
    return None if address is None else _Pinned(address)


class _Pinned(AbstractResolver):
    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=self._address,
                port=port,
                family=socket.AF_INET6 if ":" in self._address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
        ]

    async def close(self) -> None:
        """Nothing is held."""
