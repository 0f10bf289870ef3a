"""Somebody who watches a session through every break: comes back with their cursor and notes what they see."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.chaos.grounds import NODE, Grounds
from tests.support.client import Client, OpError

BREAKS = (OpError, aiohttp.ClientError, ConnectionError, TimeoutError)
"""What a page meets when a party has gone; it tries again."""
PAUSE_S = 0.1


@dataclass
class Watcher:
    """`seen` are the durable events by the order of their coming; `faults` what must never happen."""

    grounds: Grounds
    session: str
    seen: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    connections: int = 0

    @property
    def cursor(self) -> int:
        return int(self.seen[-1]["seq"]) if self.seen else 0

    async def run(self) -> None:
        """Watch until cancelled."""
        async with Client(self.grounds.network_url) as client:
            client.token = self.grounds.client.token
            while True:
                with contextlib.suppress(*BREAKS):
                    await self._watch(client)
                await asyncio.sleep(PAUSE_S)

    async def _watch(self, client: Client) -> None:
        async with client.socket() as socket:
            params = {"node": NODE, "session": self.session, "after": self.cursor}
            watch = await socket.subscribe("session.watch", params)
            self.connections += 1
            while self._take(await watch.queue.get()):
                pass

    def _take(self, event: dict[str, Any]) -> bool:
        """False when the subscription is over."""
        if event["type"] in {"lagging", "ended", "closed"}:
            return False
        if event["type"] == "reset":
            self.faults.append(f"reset at {self.cursor}: the journal is the same")
        elif "seq" in event:
            if event["seq"] != self.cursor + 1:
                self.faults.append(f"{event['seq']} came after {self.cursor}")
            self.seen.append(event)
        return True
