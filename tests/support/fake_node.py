"""A node as Main sees it: dials in, says hello, and answers ops by functions of the test."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ws.dial import complete_url, dial_socket
from ws.protocol.base import now
from ws.protocol.errors import unknown_op
from ws.rpc import LINK_LIMITS, Answer, IncomingCall, Peer

Behaviour = Callable[[IncomingCall], Awaitable[Answer]]
CAPABILITIES = {"terminal": True, "providers": ["scripted"], "features": []}


async def no_sessions(_: IncomingCall) -> Answer:
    return b'{"sessions":[]}'


async def no_approvals(_: IncomingCall) -> Answer:
    return b'{"approvals":[]}'


async def probe(_: IncomingCall) -> Answer:
    return msgspec.json.encode({"time": now()})


DEFAULTS: dict[str, Behaviour] = {"link.sessions": no_sessions, "link.inbox": no_approvals, "link.probe": probe}


@dataclass
class FakeNode:
    """`credential` is what it presents: a register token at first, then its secret. `calls` is what Main called."""

    main_url: str
    id: str
    credential: str
    behaviours: Mapping[str, Behaviour] = field(default_factory=dict)
    hello: dict[str, Any] = field(default_factory=dict)
    protocol: str = "1"
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    main_secret: str | None = None
    calls: list[IncomingCall] = field(default_factory=list)
    notes: list[tuple[str, bytes]] = field(default_factory=list)
    peer: Peer | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @contextlib.asynccontextmanager
    async def online(self) -> AsyncIterator["FakeNode"]:
        """Dial and shake hands; raises DialError or WireError when Main refuses."""
        socket = await dial_socket(
            complete_url(self.main_url, "/ws/node"),
            headers={
                "Authorization": f"Bearer {self.credential}",
                "Switchyard-Node": self.id,
                "Switchyard-Protocol": self.protocol,
            },
        )
        self.ended.clear()
        self.peer = Peer(
            socket, self._answer, name="Main", limits=LINK_LIMITS, is_caller_believed=True, on_notify=self._noted
        )
        running = asyncio.get_running_loop().create_task(self._run(self.peer), name=f"fake node {self.id}")
        try:
            await self._greet(self.peer)
            yield self
        finally:
            await self.peer.close()
            await running

    async def _run(self, peer: Peer) -> None:
        await peer.run()
        self.ended.set()

    async def _greet(self, peer: Peer) -> None:
        hello = {
            "protocol": 1,
            "min_protocol": 1,
            "version": "test",
            "id": self.id,
            "name": self.id.title(),
            "platform": "linux",
            "labels": {},
            "capabilities": CAPABILITIES,
            "time": now(),
            **({} if self.credential == self.secret else {"secret": self.secret}),
            **self.hello,
        }
        result = msgspec.json.decode(await peer.call("link.hello", msgspec.json.encode(hello), deadline_s=10))
        if "secret" in result:
            self.main_secret = result["secret"]
        self.credential = self.secret

    async def _answer(self, call: IncomingCall) -> Answer:
        self.calls.append(call)
        behaviour = self.behaviours.get(call.method) or DEFAULTS.get(call.method)
        if behaviour is None:
            raise unknown_op(call.method)
        return await behaviour(call)

    def _noted(self, method: str, params: bytes) -> None:
        self.notes.append((method, params))
