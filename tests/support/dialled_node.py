"""A small node that Main dials, which may lie: it answers /ws/main as the test tells it to."""

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

from tests.support.fake_node import CAPABILITIES, DEFAULTS
from ws.proof import new_nonce, proof_of_main, proof_of_node
from ws.protocol.base import now
from ws.protocol.errors import WireError, unknown_op
from ws.rpc import LINK_LIMITS, Answer, IncomingCall, Peer, accept_socket


@dataclass
class DialledNode:
    """`authorizations` is what Main presented, `refusals` what it said to the hello. `respond` answers in its place."""

    id: str
    token: str
    url: str = ""
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    main_secret: str | None = None
    nonce: str = field(default_factory=new_nonce)
    proof: str | None = None
    hello: dict[str, Any] = field(default_factory=dict)
    authorizations: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    hellos: int = 0
    respond: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
    key: str | None = None
    """The one-time key of a registration, which Main must present."""

    async def called(self, request: web.Request) -> web.StreamResponse:
        authorization = request.headers.get("Authorization", "")
        self.authorizations.append(authorization)
        if self.respond is not None:
            return await self.respond(request)
        scheme, _, shown = authorization.partition(" ")
        if scheme == "Bearer" and shown in (self.main_secret, self.key):
            is_first = self.main_secret is None
        elif scheme == "HMAC-SHA256" and proof_of_main(self.token, self.nonce) in shown.partition(":")[2].split(","):
            is_first = True
        else:
            body = {"status": 401, "code": "unauthorized", "detail": "answer the nonce"}
            headers = {"Switchyard-Nonce": self.nonce}
            return web.json_response(body, status=401, headers=headers, content_type="application/problem+json")
        peer = Peer(await accept_socket(request, LINK_LIMITS), self._answer, name="Main", limits=LINK_LIMITS)
        running = asyncio.get_running_loop().create_task(peer.run(), name=f"dialled node {self.id}")
        try:
            await self._greet(peer, request.headers["Switchyard-Nonce"], is_first=is_first)
            await running
        except WireError as error:
            self.refusals.append(error.detail)
        finally:
            await peer.close()
            await running
        return web.Response()

    async def _greet(self, peer: Peer, nonce: str, *, is_first: bool) -> None:
        key = self.token.encode() if is_first else hashlib.sha256(self.secret.encode()).digest()
        hello = {
            "protocol": 2, "min_protocol": 1, "version": "test", "id": self.id, "name": self.id, "platform": "linux",
            "labels": {}, "capabilities": CAPABILITIES, "time": now(), "proof": self.proof or proof_of_node(key, nonce),
            **({"secret": self.secret} if is_first else {}),
            **self.hello,
        }  # fmt: skip
        self.hellos += 1
        result = msgspec.json.decode(await peer.call("link.hello", msgspec.json.encode(hello), deadline_s=10))
        self.main_secret = result.get("secret", self.main_secret)
        if is_first:
            peer.notify("link.confirmed", b"{}")

    async def _answer(self, call: IncomingCall) -> Answer:
        behaviour = DEFAULTS.get(call.method)
        if behaviour is None:
            raise unknown_op(call.method)
        return await behaviour(call)


@contextlib.asynccontextmanager
async def dialled_node(node: DialledNode, port: int = 0) -> AsyncIterator[DialledNode]:
    """Serve it on loopback."""
    app = web.Application()
    app.router.add_get("/{any:.*}", node.called)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    node.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield node
    finally:
        await runner.cleanup()
