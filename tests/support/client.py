"""A client of Main as an outside program writes it: plain HTTP and JSON-RPC, knowing nothing of our code."""

import asyncio
import contextlib
import itertools
import ssl
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.support.network import Machine

DEADLINE_S = 20.0


class OpError(Exception):
    """An op answered with an error; `code` is that of the closed list."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem}")
        self.status = status
        self.problem = problem
        self.code = problem.get("code")


class Subscription:
    """Events of one subscription in order; `lagging`, `ended` and the socket's end (`closed`) as ``{"type": …}``."""

    def __init__(self, socket: "Socket", call_id: int) -> None:
        self._socket = socket
        self.id = call_id
        self.result: dict[str, Any] = {}
        self.queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def next(self, deadline_s: float = DEADLINE_S) -> dict[str, Any]:
        return await asyncio.wait_for(self.queue.get(), deadline_s)

    async def until(self, kind: str, deadline_s: float = DEADLINE_S) -> list[dict[str, Any]]:
        """Everything up to and with the first event of that type."""
        seen: list[dict[str, Any]] = []
        async with asyncio.timeout(deadline_s):
            while not seen or seen[-1].get("type") != kind:
                seen.append(await self.queue.get())
        return seen

    async def close(self) -> None:
        await self._socket.call("unsubscribe", {"subscription": self.id})


class Socket:
    """`/ws` as JSON-RPC client."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.raw = socket
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._subscriptions: dict[int, Subscription] = {}
        self.closed = asyncio.Event()
        self._reader = asyncio.get_running_loop().create_task(self._read(), name="test socket reader")

    async def _read(self) -> None:
        try:
            async for frame in self.raw:
                if frame.type is aiohttp.WSMsgType.TEXT:
                    told = frame.json()
                    for each in told if isinstance(told, list) else [told]:
                        self._take(each)
        finally:
            self.closed.set()
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(ConnectionError("the socket closed"))
            for subscription in self._subscriptions.values():
                subscription.queue.put_nowait({"type": "closed"})

    def _take(self, frame: dict[str, Any]) -> None:
        if "method" in frame:
            params = frame["params"]
            subscription = self._subscriptions.get(params.get("subscription"))
            if subscription is not None:
                event = params["event"] if frame["method"] == "event" else {"type": frame["method"], **params}
                subscription.queue.put_nowait(event)
        elif frame.get("id") in self._answers:
            answer = self._answers.pop(frame["id"])
            if not answer.done():
                answer.set_result(frame)

    async def _ask(self, method: str, params: dict[str, Any], call_id: int) -> dict[str, Any]:
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[call_id] = answer
        await self.raw.send_json({"jsonrpc": "2.0", "id": call_id, "method": method, "params": params})
        frame = await asyncio.wait_for(answer, DEADLINE_S)
        if "error" in frame:
            raise OpError(frame["error"]["code"], frame["error"].get("data", {}))
        return dict(frame["result"])

    async def call(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        return await self._ask(method, params or {}, next(self._ids))

    async def subscribe(self, method: str, params: dict[str, Any] | None = None) -> Subscription:
        call_id = next(self._ids)
        subscription = Subscription(self, call_id)
        self._subscriptions[call_id] = subscription
        subscription.result = await self._ask(method, params or {}, call_id)
        return subscription

    async def close(self) -> None:
        await self.raw.close()
        await asyncio.wait_for(self._reader, DEADLINE_S)


class Client:
    """A signed-in caller of one Main by bearer token."""

    def __init__(self, url: str, trust: ssl.SSLContext | None = None, machine: Machine | None = None) -> None:
        """`trust` is what an https address is checked with, None: as the system does. `machine` is where it calls."""
        self.url = url
        self.token: str | None = None
        checked = True if trust is None else trust
        connector = aiohttp.TCPConnector(ssl=checked) if machine is None else machine.connector(checked)
        self.http = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.close()

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    async def _answer(self, answer: aiohttp.ClientResponse) -> dict[str, Any]:
        if answer.status >= 400:
            raise OpError(answer.status, await answer.json(content_type=None))
        return dict(await answer.json()) if answer.content_length != 0 and answer.status != 204 else {}

    async def post(self, path: str, body: Any) -> dict[str, Any]:
        async with self.http.post(self.url + path, json=body, headers=self.headers) as answer:
            return await self._answer(answer)

    async def get(self, path: str) -> dict[str, Any]:
        async with self.http.get(self.url + path, headers=self.headers) as answer:
            return await self._answer(answer)

    async def register(self, username: str = "ada", password: str = "correct horse") -> None:
        answer = await self.post("/api/auth/register", {"username": username, "password": password})
        self.token = answer["token"]

    async def login(self, username: str = "ada", password: str = "correct horse") -> None:
        answer = await self.post("/api/auth/login", {"username": username, "password": password})
        self.token = answer["token"]

    async def op(self, name: str, /, **params: Any) -> dict[str, Any]:
        return await self.post(f"/api/ops/{name}", params)

    @contextlib.asynccontextmanager
    async def socket(self) -> AsyncIterator[Socket]:
        raw = await self.http.ws_connect(f"{self.url}/ws", headers=self.headers, max_msg_size=0)
        socket = Socket(raw)
        try:
            yield socket
        finally:
            await socket.close()

    async def online_node(self, node: str | None = None, deadline_s: float = DEADLINE_S) -> str:
        """The id of a node once it is online: that one, or the first."""
        async with asyncio.timeout(deadline_s), self.socket() as socket:
            watch = await socket.subscribe("nodes.watch")
            known = {entry["id"]: entry for entry in watch.result["nodes"]}
            while True:
                for entry in known.values():
                    if entry["status"] == "online" and node in (None, entry["id"]):
                        return str(entry["id"])
                event = await watch.queue.get()
                if event["type"] == "node":
                    known[event["node"]["id"]] = event["node"]
