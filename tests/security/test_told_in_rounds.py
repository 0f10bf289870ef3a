"""Pages that are told in rounds and in batches: whose share is taken back between two rounds hears nothing more."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from main import telling
from main.telling import AT_ONCE
from tests.security.test_idor import Shop, session
from tests.support.client import Client, Socket, Subscription
from tests.support.main_app import RunningMain
from tests.support.waiting import eventually
from ws.rpc.limits import BROWSER_LIMITS

RESTS_S = 0.6
"""From the end of a round to the next, in these tests."""


@contextlib.asynccontextmanager
async def page(client: Client, query: str = "?batches=1") -> AsyncIterator[Socket]:
    raw = await client.http.ws_connect(f"{client.url}/ws{query}", headers=client.headers)
    socket = Socket(raw)
    try:
        yield socket
    finally:
        await socket.close()


def titled(shop: Shop, title: str) -> None:
    shop.tell("sessions", {"type": "session", "session": {**session(shop.id), "title": title}})


async def title_of_next(watch: Subscription) -> str:
    event = await watch.next()
    return str(event["session"]["title"]) if event["type"] == "session" else str(event["type"])


@pytest.mark.parametrize("way", ["share", "user", "token"])
async def test_who_loses_a_share_between_two_rounds_hears_nothing_of_it(
    main: RunningMain, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    watchers = AT_ONCE + 1
    monkeypatch.setattr(telling, "REST_S", RESTS_S / (watchers + 2))
    shop = Shop("mine")
    account = await main.add_user("eve", "viewer", {"mine": "viewer"})
    async with shop.node(main).online(), main.client("ada") as ada, main.client("eve") as eve:
        await eventually(lambda: "sessions" in shop.sinks, what="Main to follow the machine")
        made = await eve.op("tokens.create", name="ci", scopes=["read"])
        if way == "token":
            eve.token = made["secret"]
        async with page(ada) as crowd, page(ada, "") as last, page(eve) as hers:
            for _ in range(watchers):
                await crowd.subscribe("session.list_watch")
            spied, seen = await hers.subscribe("session.list_watch"), await last.subscribe("session.list_watch")
            for number in range(2):  # the second is told in a round of its own
                titled(shop, f"Known {number}")
                assert [await title_of_next(each) for each in (spied, seen)] == [f"Known {number}"] * 2
            titled(shop, "Waits for the next round")
            if way == "share":
                await ada.op("users.update", user=account.id, grants=[])
            elif way == "user":
                await ada.op("users.remove", user=account.id)
            else:
                await ada.op("tokens.revoke", token=made["token"]["id"])
            titled(shop, "The secret")
            heard: list[str] = []
            while not heard or heard[-1] != "closed":
                heard.append(await title_of_next(spied))
            assert heard[-2:] == ["ended", "closed"]
            assert set(heard[:-2]) <= {"Waits for the next round"}, "where the answer took longer than the rest"
            assert hers.raw.close_code == 4401
            assert await title_of_next(seen) == "The secret"


@pytest.mark.parametrize(
    "query", ["?batches=2", "?batches=x", "?batches=", "?batches=1&batches=0", "?batches=" + 900 * "1"]
)
async def test_a_page_that_asks_oddly_is_served_all_the_same(main: RunningMain, query: str) -> None:
    async with main.client() as client, page(client, query) as socket:
        watch = await socket.subscribe("nodes.watch")
        async with Shop("mine").node(main).online():
            assert (await watch.next())["node"]["id"] == "mine"


async def test_of_thousands_of_subscriptions_those_beyond_the_bound_end_and_others_are_served(
    main: RunningMain,
) -> None:
    bound, asked = BROWSER_LIMITS.max_subscriptions, 2000
    async with main.client() as client, page(client) as greedy, page(client) as other:
        watches = [await greedy.subscribe("nodes.watch") for _ in range(asked)]
        assert await other.call("nodes.list") == {"nodes": []}
        ended = [watch for watch in watches if not watch.queue.empty()]
        assert len(ended) == asked - bound
        codes = [(await each.next())["error"]["code"] for each in ended]
        assert set(codes) == {"rate_limited"}
        await watches[0].close()
        assert (await greedy.subscribe("nodes.watch")).queue.empty()


async def test_a_batch_of_a_client_is_bounded_and_says_so(main: RunningMain) -> None:
    async with main.client() as client, page(client) as socket:
        raw = await client.http.ws_connect(f"{client.url}/ws?batches=1", headers=client.headers)
        call = {"jsonrpc": "2.0", "method": "nodes.watch"}
        await raw.send_json([{**call, "id": number} for number in range(10_000)])
        assert (await raw.receive_json(timeout=10))["error"]["data"]["code"] in {"rate_limited", "too_large", "invalid"}
        await raw.send_json([[{**call, "id": 1}], {**call, "id": 2, "params": []}, None, 3])
        answers = await raw.receive_json(timeout=10)
        assert [each["error"]["code"] < 0 for each in answers] == [True] * len(answers)
        await raw.send_json([{**call, "id": number} for number in range(20)])
        assert len(await raw.receive_json(timeout=10)) == 20
        await raw.close()
        assert await socket.call("nodes.list") == {"nodes": []}
