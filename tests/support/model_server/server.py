"""The HTTP side: one small server, a log of what was asked, and the faults of the script."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import msgspec
from aiohttp import web

from tests.support.model_server import anthropic, chat, responses
from tests.support.model_server.conversation import Position
from tests.support.model_server.script import Block, Fault, answer

MAX_BODY_BYTES = 64 * 1024 * 1024
DROP_S = 0.1
"""Between the beginning of an answer and its break: a client throws away what it reads together with the end."""

MODELS = ("claude-sonnet-4-5", "claude-haiku-4-5", "claude-opus-5-5")


class Wire(Protocol):
    """The wire format of one API: a module of this package."""

    def read(self, body: dict[str, Any]) -> Position: ...

    def message(self, pieces: Sequence[Block], body: dict[str, Any], said: tuple[str, ...]) -> dict[str, Any]: ...

    def events(
        self, pieces: Sequence[Block], body: dict[str, Any], said: tuple[str, ...]
    ) -> Iterator[tuple[bytes, float]]: ...

    def beginning(self, body: dict[str, Any]) -> bytes: ...

    def error(self, status: int) -> bytes: ...


WIRES: dict[str, Wire] = {"/v1/messages": anthropic, "/v1/chat/completions": chat, "/v1/responses": responses}
"""By path."""


@dataclass(frozen=True)
class Request:
    """One request as it came: the oracle of tests."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: Position

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))


@dataclass
class ModelServer:
    """Serves on loopback while it is entered; port 0 takes any free one.

    `requests` holds every request for an answer, oldest first.
    """

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    _faults: Counter[tuple[str, int, Fault]] = field(default_factory=Counter)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        for path in WIRES:
            app.router.add_post(path, self._answer)
        app.router.add_post("/v1/messages/count_tokens", self._count_tokens)
        app.router.add_get("/v1/models", self._models)
        app.router.add_route("HEAD", "/api/hello", self._hello)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def wait_for(self, wanted: Callable[[Request], bool], deadline_s: float = 15.0) -> Request:
        """The first request that is wanted, when it has come; TimeoutError after the deadline."""

        def found() -> Request | None:
            return next((request for request in self.requests if wanted(request)), None)

        async with asyncio.timeout(deadline_s), self._news:
            await self._news.wait_for(lambda: found() is not None)
        request = found()
        assert request is not None
        return request

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body: dict[str, Any] = msgspec.json.decode(await request.read())
        wire = WIRES[request.path]
        at = wire.read(body)
        async with self._news:
            self.requests.append(Request(request.path, dict(request.headers), body, at))
            self._news.notify_all()
        pieces = answer(at.prompt, at.acts_done, may_act=bool(body.get("tools")))
        fault = next((piece for piece in pieces if isinstance(piece, Fault) and self._strikes(at, piece)), None)
        blocks = [piece for piece in pieces if not isinstance(piece, Fault)]
        if fault is not None and fault.kind == "error":
            return web.Response(status=fault.status, body=wire.error(fault.status), content_type="application/json")
        if not body.get("stream"):
            return web.json_response(wire.message(blocks, body, at.said))
        return await self._stream(request, wire, body, at, blocks, fault)

    def _strikes(self, at: Position, fault: Fault) -> bool:
        key = (at.prompt, at.acts_done, fault)
        self._faults[key] += 1
        return self._faults[key] <= fault.times

    async def _stream(
        self,
        request: web.Request,
        wire: Wire,
        body: dict[str, Any],
        at: Position,
        blocks: list[Block],
        fault: Fault | None,
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        if fault is not None:
            await response.write(wire.beginning(body))
            if fault.kind == "hang":
                await self._stopping.wait()
            await asyncio.sleep(DROP_S)
            if request.transport is not None:
                request.transport.close()
            return response
        with contextlib.suppress(ConnectionResetError):  # the agent was interrupted, or killed
            for data, delay_s in wire.events(blocks, body, at.said):
                if delay_s:
                    await asyncio.sleep(delay_s)
                await response.write(data)
        return response

    async def _count_tokens(self, request: web.Request) -> web.Response:
        body = await request.read()
        return web.json_response({"input_tokens": len(body) // 4})

    async def _models(self, request: web.Request) -> web.Response:
        models = [{"type": "model", "id": model, "display_name": model} for model in MODELS]
        return web.json_response({"data": models, "has_more": False})

    async def _hello(self, request: web.Request) -> web.Response:
        return web.Response()
