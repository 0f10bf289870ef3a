"""Lists over all machines: sessions by the page, and what waits for people."""

import asyncio

import msgspec
import pytest

from tests.support.client import Client, OpError, Subscription
from tests.support.main_app import RunningMain
from tests.support.shop import Shop, ask, opened, row
from tests.support.waiting import eventually
from ws.protocol.errors import ErrorCode, WireError


async def pages(client: Client, limit: int) -> tuple[list[str], int]:
    """`node/id` of all rows, page by page, and how many pages there were."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    for number in range(1, 50):
        page = await client.op("session.list", limit=limit, **cursor)
        found += [f"{each['node']}/{each['id']}" for each in page["sessions"]]
        if "next_cursor" not in page:
            return found, number
        assert 0 < len(page["sessions"]) <= limit
        cursor = {"cursor": page["next_cursor"]}
    raise AssertionError("the list has no end")


async def test_the_list_of_all_machines_comes_page_by_page(main: RunningMain) -> None:
    times = [f"2026-11-01T00:00:{number:02}.000Z" for number in range(20)]
    small = Shop("small", [row(f"s{n}", updated=times[n * 2]) for n in range(10)], most=2)
    large = Shop("large", [row(f"s{n}", updated=times[n]) for n in range(20)], most=1000)
    older = Shop("older", [row(f"s{n}", updated=times[n]) for n in range(5)])
    away = Shop("away", [row(f"s{n}", updated=times[19 - n]) for n in range(3)])
    async with main.client() as client:
        async with opened(main, away):
            pass
        await eventually(lambda: not main.main.registry.links, what="a node to be offline")
        async with opened(main, small, large, older):
            everything = [
                (each["updated"], each["id"], shop.id) for shop in (small, large, older, away) for each in shop.rows
            ]
            expected = [f"{node}/{name}" for _, name, node in sorted(everything, reverse=True)]
            for limit in (1, 3, 7, 500):
                assert (await pages(client, limit))[0] == expected
            whole = await client.op("session.list")
            assert whole["offline"] == ["away"]
            assert [each["node"] for each in whole["sessions"] if each.get("stale")] == ["away"] * 3


async def test_the_watched_list_has_no_native_sessions(main: RunningMain) -> None:
    native = row("n1") | {"status": "native"}
    shop = Shop("laptop", [row("s1")])
    async with opened(main, shop), main.client() as client, client.socket() as socket:
        watch = await socket.subscribe("session.list_watch")
        shop.put(native)
        shop.put(row("s2"))
        assert (await watch.next())["session"]["id"] == "s2"
        assert {each["id"] for each in (await client.op("session.list"))["sessions"]} == {"s1", "s2", "n1"}


async def until_asks(watch: Subscription, names: set[str]) -> None:
    known = {each["approval"]["approval"] for each in watch.result["approvals"]}
    while known != names:
        event = await watch.next()
        if event["type"] == "approval":
            known.add(event["approval"]["approval"])
        elif event["type"] == "resolved":
            known.discard(event["approval"])


async def test_the_inbox_is_complete_when_nodes_go_and_come(main: RunningMain) -> None:
    laptop = Shop("laptop", [row("s1")], [ask(row("s1"), "a1"), ask(row("s1"), "a2")])
    tower = Shop("tower", [row("s1")], [ask(row("s1"), "b1")])
    async with opened(main, tower), main.client() as client, client.socket() as socket:
        watch = await socket.subscribe("inbox.watch")
        async with opened(main, laptop):
            await until_asks(watch, {"a1", "a2", "b1"})
        watch.result = {"approvals": [{"approval": {"approval": name}} for name in ("a1", "a2", "b1")]}
        await until_asks(watch, {"b1"})
        # While it was away one was answered there and another asked.
        laptop.asks, laptop.sinks = [ask(row("s1"), "a2"), ask(row("s1"), "a3")], {}
        watch.result = {"approvals": [{"approval": {"approval": "b1"}}]}
        async with opened(main, laptop):
            await until_asks(watch, {"a2", "a3", "b1"})
            async with client.socket() as later:
                await until_asks(await later.subscribe("inbox.watch"), {"a2", "a3", "b1"})


async def test_each_sees_the_asks_of_their_machines_also_after_their_rights_change(main: RunningMain) -> None:
    shops = [Shop(name, [row("s1")], [ask(row("s1"), f"of-{name}")]) for name in ("red", "blue")]
    eve = await main.add_user("eve", "member", {"red": "viewer"})
    bob = await main.add_user("bob", "member", {"blue": "member"})
    async with opened(main, *shops), main.client("ada") as owner:

        async def seen(user: str) -> set[str]:
            async with main.client(user) as client, client.socket() as socket:
                watch = await socket.subscribe("inbox.watch")
                return {each["approval"]["approval"] for each in watch.result["approvals"]}

        await eventually(lambda: len(main.main.inbox.approvals.keys()) == 2, what="both asks")
        assert (await seen("eve"), await seen("bob"), await seen("ada")) == (
            {"of-red"}, {"of-blue"}, {"of-red", "of-blue"},
        )  # fmt: skip
        await owner.op("users.update", user=eve.id, grants=[{"node": "blue", "role": "viewer"}])
        await owner.op("users.update", user=bob.id, grants=[])
        assert (await seen("eve"), await seen("bob")) == ({"of-blue"}, set())


async def test_several_asks_are_answered_at_once_and_the_loser_is_told_who_won(main: RunningMain) -> None:
    shop = Shop("laptop", [row("s1")], [ask(row("s1"), f"a{number}") for number in range(5)])
    lost = WireError(ErrorCode.CONFLICT, "ada answered this already: Allow once.")
    async with opened(main, shop), main.client("ada") as ada, main.client("bob") as bob, ada.socket() as socket:
        shop.answers["session.answer"] = {"seq": 5}
        await asyncio.gather(
            *(
                socket.call("session.answer", {"node": "laptop", "session": "s1", "approval": f"a{n}", "option": "yes"})
                for n in range(5)
            )
        )
        shop.answers["session.answer"] = lost
        with pytest.raises(OpError) as refused:
            await bob.op("session.answer", node="laptop", session="s1", approval="a1", option="yes")
        assert (refused.value.code, refused.value.problem["detail"]) == ("conflict", lost.detail)


async def test_a_turn_that_ended_is_unread_for_those_who_have_not_looked(main: RunningMain) -> None:
    shop = Shop("laptop", [row("s1", news=7)])
    async with (
        opened(main, shop), main.client("ada") as ada, main.client("bob") as bob,
        ada.socket() as one, bob.socket() as other,
    ):  # fmt: skip
        watches = [await each.subscribe("inbox.watch") for each in (one, other)]
        await ada.op("my.mark", node="laptop", session="s1", seq=7)
        ended = {"type": "turn_ended", "session": row("s1", news=7), "stop_reason": "end_turn"}
        shop.sinks["inbox"].offer(msgspec.json.encode(ended))
        seen = [(await each.next())["session"] for each in watches]
        assert [(each["node"], each["unread"]) for each in seen] == [("laptop", False), ("laptop", True)]
