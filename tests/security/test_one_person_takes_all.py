"""Somebody with the least of rights takes as much of a machine as they can: everybody else still gets theirs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from main.auth import access
from main.relay import places, shares
from main.relay.places import MAX_AT_TERMINAL
from main.relay.shares import MAX_SEARCHES, MAX_WATCHES
from tests.support.client import Client, OpError, Socket
from tests.support.fake_node import FakeNode
from tests.support.installation import Installation, installed
from tests.support.main_app import RunningMain
from tests.support.reader import reading
from tests.support.repositories import TestRepository
from tests.support.waiting import eventually
from tests.system.test_api_people import person
from ws.rpc import Answer, Feed, IncomingCall

whole_loop = pytest.mark.asyncio(loop_scope="module")
pytestmark = pytest.mark.xdist_group("one person takes all")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("home")) as installation:
        yield installation


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def eve(whole: Installation) -> AsyncIterator[Client]:
    """Somebody who may only look."""
    async with person(whole, "eve", "viewer", here="viewer") as (_, client):
        yield client


async def outcomes(socket: Socket, method: str, params: dict[str, Any], times: int) -> list[str]:
    """What came of so many subscriptions: `ok` or the code of the refusal."""

    async def one() -> str:
        try:
            await socket.subscribe(method, params)
        except OpError as error:
            return str(error.code)
        return "ok"

    return [await one() for _ in range(times)]


@whole_loop
@pytest.mark.parametrize("method", ["terminal.watch", "files.watch", "git.watch"])
async def test_subscriptions(whole: Installation, eve: Client, method: str) -> None:
    repository = TestRepository.make(whole.home, method.replace(".", "-"))
    repository.commit(README_md="# Read\n")
    params = {"node": whole.node} | ({} if method == "terminal.watch" else {"path": str(repository.path)})
    async with eve.socket() as greedy, eve.socket() as more:
        took = await outcomes(greedy, method, params, 140) + await outcomes(more, method, params, 140)
        assert took == ["ok"] * MAX_WATCHES + ["rate_limited"] * (280 - MAX_WATCHES)
        async with whole.client.socket() as socket:
            assert await outcomes(socket, method, params, 3) == ["ok"] * 3
    async with eve.socket() as again:

        async def is_free() -> bool:
            return await outcomes(again, method, params, MAX_WATCHES) == ["ok"] * MAX_WATCHES

        await eventually(is_free, what="places that were given back", deadline_s=20)


@whole_loop
async def test_readers_of_one_terminal(whole: Installation, eve: Client) -> None:
    opened = await whole.op("terminal.open", path=str(whole.work), cols=80, rows=24, command=["cat"])
    terminal = opened["terminal"]
    async with contextlib.AsyncExitStack() as held:
        for _ in range(MAX_AT_TERMINAL):
            await held.enter_async_context(reading(eve, whole.node, terminal))
        address = f"{eve.url}/ws/terminal?node={whole.node}&terminal={terminal}"
        for _ in range(20):
            async with eve.http.ws_connect(address, headers=eve.headers) as refused:
                fault = await refused.receive_json(timeout=10)
                assert (fault["code"], (await refused.receive()).data) == ("conflict", 4400)
                assert fault["detail"].startswith(f"You have this terminal open {MAX_AT_TERMINAL} times")
        async with reading(whole.client, whole.node, terminal) as reader:
            await reader.type("mine\r")
            await reader.until_text(b"mine", times=2)
    async with reading(eve, whole.node, terminal):
        pass
    await whole.op("terminal.close", terminal=terminal)


async def test_calls_that_a_machine_does_not_answer(main: RunningMain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "MAX_CALLS", 3)
    asked, is_over = [], asyncio.Event()

    async def slowly(call: IncomingCall) -> Answer:
        asked.append(call)
        await is_over.wait()
        return b'{"path":"/","parent":null,"entries":[]}'

    await main.add_user("eve", "viewer", {"laptop": "viewer"})
    node = FakeNode(main.url, "laptop", main.main.registry.tokens.shown, {"files.list": slowly})
    params = {"node": "laptop", "path": "/"}
    async with node.online(), main.client("eve") as eve, main.client("ada") as ada, asyncio.TaskGroup() as group:
        slow = [group.create_task(eve.op("files.list", **params)) for _ in range(3)]
        await eventually(lambda: len(asked) == 3, what="the calls to be there")
        with pytest.raises(OpError) as refused:
            await eve.op("files.list", **params)
        assert (refused.value.status, refused.value.code) == (429, "rate_limited")
        with pytest.raises(OpError) as refused:
            await eve.op("files.stat", **params)
        assert refused.value.code == "rate_limited"
        hers = group.create_task(ada.op("files.list", **params))
        await eventually(lambda: len(asked) == 4, what="the call of somebody else")
        is_over.set()
        for each in (hers, *slow):
            await each
        assert await eve.op("files.list", **params)


async def test_searches_that_do_not_end(main: RunningMain) -> None:
    async def endless(_: IncomingCall) -> Answer:
        return Feed(b'{"root":"/","engine":"ripgrep"}', lambda _: lambda: None)

    await main.add_user("eve", "viewer", {"laptop": "viewer"})
    token = main.main.registry.tokens.shown
    node = FakeNode(main.url, "laptop", token, dict.fromkeys(("files.find", "files.grep"), endless))
    params = {"node": "laptop", "path": "/", "query": "a"}
    async with (
        node.online(),
        main.client("eve") as eve,
        main.client("ada") as ada,
        eve.socket() as one,
        eve.socket() as two,
        ada.socket() as hers,
    ):
        took = await outcomes(one, "files.find", params, 4) + await outcomes(two, "files.grep", params, 4)
        assert took == ["ok"] * MAX_SEARCHES + ["rate_limited"] * (8 - MAX_SEARCHES)
        assert await outcomes(hers, "files.grep", params, 1) == ["ok"]


async def test_connections_to_main(main: RunningMain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "MAX_OF_PERSON", 4)
    await main.add_user("eve", "viewer", {})
    async with contextlib.AsyncExitStack() as held:
        eve, ada = [await held.enter_async_context(main.client(name)) for name in ("eve", "ada")]
        for _ in range(4):
            await held.enter_async_context(eve.socket())
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await held.enter_async_context(eve.socket())
        assert refused.value.status == 429
        with pytest.raises(OpError) as stream:
            await eve.op("nodes.watch")
        assert stream.value.code == "rate_limited"
        assert await eve.op("nodes.list") == {"nodes": []}
        socket = await held.enter_async_context(ada.socket())
        assert await socket.call("nodes.list") == {"nodes": []}


async def test_streams_that_a_machine_does_not_dial(main: RunningMain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MAX_OPENING_OF_PERSON", 3)
    asked: list[IncomingCall] = []

    async def silent(call: IncomingCall) -> Answer:
        asked.append(call)
        return b"{}"

    await main.add_user("eve", "viewer", {"laptop": "viewer"})
    node = FakeNode(main.url, "laptop", main.main.registry.tokens.shown, {"link.stream": silent})
    path = "/ws/terminal?node=laptop&terminal=t1"
    loop = asyncio.get_running_loop()
    async with node.online(), main.client("eve") as eve, main.client("ada") as ada:

        def opening(client: Client) -> asyncio.Task[Any]:
            return loop.create_task(client.http.ws_connect(main.url + path, headers=client.headers), name="opening")

        slow = [opening(eve) for _ in range(3)]
        await eventually(lambda: len(asked) == 3, what="hers to be asked for")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await opening(eve)
        assert refused.value.status == 429
        slow.append(opening(ada))
        await eventually(lambda: len(asked) == 4, what="that of somebody else to be asked for")
        for each in slow:
            each.cancel()
        await asyncio.wait(slow)
        await eventually(lambda: not len(main.main.door.keys), what="places of those who have gone")
