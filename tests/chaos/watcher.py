"""Somebody who watches a session through every break: comes back with their cursor and notes what they see."""

import asyncio
import contextlib
import socket
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

    grounds: Grounds = field(repr=False)
    session: str
    seen: list[dict[str, Any]] = field(default_factory=list, repr=False)
    faults: list[str] = field(default_factory=list)
    connections: int = 0
    node: str = NODE

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
        async with client.socket() as connected:
            params = {"node": self.node, "session": self.session, "after": self.cursor}
            watch = await connected.subscribe("session.watch", params)
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


@dataclass
class SlowWatcher(Watcher):
    """Does not read before it is woken: what Main keeps for it runs full. `lagged` counts how often it was told so."""

    lagged: int = 0
    _awake: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """From now on it reads as the others do."""
        self._awake.set()

    async def run(self) -> None:
        while not self._awake.is_set() and not self.connections:
            with contextlib.suppress(*BREAKS):
                await self._sleep_over_it()
            await asyncio.sleep(PAUSE_S)
        await super().run()

    async def _sleep_over_it(self) -> None:
        """Straight from Main through a small receive buffer: no proxy in between reads in its place."""
        connector = aiohttp.TCPConnector(socket_factory=_small)
        async with aiohttp.ClientSession(connector=connector) as http:
            url = f"{self.grounds.main.url}/ws"
            async with http.ws_connect(url, headers=self.grounds.client.headers, max_msg_size=0) as raw:
                params = {"node": self.node, "session": self.session, "after": self.cursor}
                await raw.send_json({"jsonrpc": "2.0", "id": 1, "method": "session.watch", "params": params})
                if "error" in (await raw.receive()).json():
                    return
                self.connections += 1
                await self._awake.wait()
                async for frame in raw:
                    said = frame.json()
                    if said.get("method") == "event":
                        _ = self._take(said["params"]["event"])
                    elif "method" in said:
                        self.lagged += said["method"] == "lagging"
                        return


def _small(address: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 * 1024)
    return made
