"""What people keep on Main, as programs meet it: marks, drafts and settings, and what is unread for whom."""

import asyncio
import io
from collections.abc import Awaitable
from typing import Any

import msgspec
import pytest

from tests.support.client import Client, OpError
from tests.support.main_app import RunningMain
from tests.support.shop import Shop, opened, row


async def code(call: Awaitable[Any]) -> str:
    with pytest.raises(OpError) as refused:
        await call
    return str(refused.value.code)


def unread_of(answer: dict[str, Any]) -> dict[str, bool]:
    return {each["id"]: each["unread"] for each in answer["sessions"]}


async def test_a_mark_on_one_device_makes_the_session_read_on_all_of_that_person_and_of_nobody_else(
    main: RunningMain,
) -> None:
    shop = Shop("laptop", [row("s1", news=7, unread=True), row("s2", news=3)])
    async with (
        opened(main, shop),
        main.client("ada") as ada,
        main.client("bob") as bob,
        ada.socket() as phone,
        ada.socket() as desk,
        bob.socket() as other,
    ):
        lists = [await each.subscribe("session.list_watch") for each in (phone, desk, other)]
        assert [unread_of(each.result) for each in lists] == [{"s1": True, "s2": True}] * 3
        mine = await desk.subscribe("my.watch")
        assert mine.result == {"marks": [], "drafts": [], "settings": []}

        await phone.call("my.mark", {"node": "laptop", "session": "s1", "seq": 7})
        assert await mine.next() == {"type": "mark", "node": "laptop", "session": "s1", "seq": 7}
        for each in lists[:2]:
            event = await each.next()
            assert (event["session"]["id"], event["session"]["unread"]) == ("s1", False)
        assert unread_of(await ada.op("session.list")) == {"s1": False, "s2": True}
        assert unread_of(await bob.op("session.list")) == {"s1": True, "s2": True}

        shop.put(row("s1", news=9, unread=False))
        assert [(await each.next())["session"]["unread"] for each in lists] == [True, True, True]
        await phone.call("my.mark", {"node": "laptop", "session": "s1", "seq": 8})
        await bob.op("my.mark", node="laptop", session="s1", seq=9)
        assert [(await each.next())["session"]["unread"] for each in lists] == [True, True, False]


async def test_marks_outlive_main(main: RunningMain) -> None:
    shop = Shop("laptop", [row("s1", news=7)])
    async with opened(main, shop), main.client() as client:
        await client.op("my.mark", node="laptop", session="s1", seq=7)
        assert main.main.personal._people  # what was remembered is read anew, as after a start
        main.main.personal._people.clear()
        assert unread_of(await client.op("session.list")) == {"s1": False}
        async with client.socket() as socket:
            (kept,) = (await socket.subscribe("my.watch")).result["marks"]
            assert (kept["session"], kept["seq"]) == ("s1", 7)


@pytest.mark.parametrize("op", ["session.send", "session.answer", "session.interrupt"])
async def test_who_acts_has_looked(main: RunningMain, op: str) -> None:
    given: dict[str, dict[str, Any]] = {
        "session.send": {"message_id": "m", "text": "go"},
        "session.answer": {"approval": "a", "option": "yes"},
        "session.interrupt": {},
    }
    answers: dict[str, Any] = {
        "session.send": {"seq": 12, "state": "running", "duplicate": False},
        "session.answer": {"seq": 12},
        "session.interrupt": {"interrupted": True},
    }
    shop = Shop("laptop", [row("s1", news=9)], answers=answers)
    async with opened(main, shop), main.client("ada") as ada, main.client("bob") as bob:
        made = await ada.op("tokens.create", name="ci", scopes=["read", "write"])
        async with Client(main.url) as program:
            program.token = made["secret"]
            await program.op(op, node="laptop", session="s1", **given[op])
        assert (unread_of(await ada.op("session.list")), unread_of(await bob.op("session.list"))) == (
            {"s1": False},
            {"s1": True},
        )


async def test_a_session_in_an_answer_is_unread_as_it_is_for_the_caller(main: RunningMain) -> None:
    shop = Shop("laptop", [row("s1", news=9)])
    made = row("s2", news=4) | {"unknown_to_main": 1}
    shop.answers = {
        "session.update": {"session": row("s1", news=9)},
        "session.create": {"session": made},
        "session.get": row("s1", news=9) | {
            "epoch": "e", "head": 9, "turn": None, "plan": [], "queue": [], "queue_held": False, "approvals": [],
            "usage": None,
        },
    }  # fmt: skip
    async with opened(main, shop), main.client() as client:
        assert (await client.op("session.update", node="laptop", session="s1", title="N"))["session"]["unread"] is True
        state = await client.op("session.get", node="laptop", session="s1")
        assert (state["unread"], state["head"]) == (True, 9)
        created = await client.op("session.create", node="laptop", path="/w", provider="scripted")
        assert created == {"session": made}
        await client.op("my.mark", node="laptop", session="s1", seq=9)
        assert (await client.op("session.get", node="laptop", session="s1"))["unread"] is False


async def test_drafts_and_settings_reach_the_other_devices_of_that_person_alone(main: RunningMain) -> None:
    await main.add_user("bob", "member")
    async with (
        opened(main, Shop("laptop", [row("s1")])),
        main.client("ada") as ada,
        main.client("bob") as bob,
        ada.socket() as desk,
        bob.socket() as other,
    ):
        mine, his = await desk.subscribe("my.watch"), await other.subscribe("my.watch")
        await ada.op("my.draft", key="laptop/s1", text="half a sen", device="phone")
        await ada.op("my.setting", name="keys", value='{"a":"b"}')
        await bob.op("my.setting", name="keys", value="his")
        assert await mine.next() == {"type": "draft", "key": "laptop/s1", "text": "half a sen", "device": "phone"}
        assert await mine.next() == {"type": "setting", "name": "keys", "value": '{"a":"b"}'}
        assert await his.next() == {"type": "setting", "name": "keys", "value": "his"}
        async with ada.socket() as later:
            kept = (await later.subscribe("my.watch")).result
            assert kept["drafts"] == [{"type": "draft", "key": "laptop/s1", "text": "half a sen", "device": "phone"}]
            assert kept["settings"] == [{"type": "setting", "name": "keys", "value": '{"a":"b"}'}]
        await ada.op("my.draft", key="laptop/s1", text="")
        assert await mine.next() == {"type": "draft", "key": "laptop/s1", "text": ""}
        async with ada.socket() as later:
            assert (await later.subscribe("my.watch")).result["drafts"] == []


async def test_what_belongs_to_a_session_goes_with_it(main: RunningMain) -> None:
    shop = Shop("laptop", [row("s1", news=1), row("s2")])
    async with opened(main, shop), main.client() as client, client.socket() as socket:
        await client.op("my.mark", node="laptop", session="s1", seq=1)
        await client.op("my.draft", key="laptop/s1", text="x")
        mine = await socket.subscribe("my.watch")
        shop.sinks["sessions"].offer(b'{"type":"removed","node":"laptop","id":"s1"}')
        assert await mine.next() == {"type": "draft", "key": "laptop/s1", "text": ""}
        async with client.socket() as later:
            assert (await later.subscribe("my.watch")).result == {"marks": [], "drafts": [], "settings": []}


async def test_what_is_about_a_machine_of_somebody_else_is_not_found(main: RunningMain) -> None:
    await main.add_user("eve", "viewer", {"mine": "viewer"})
    async with opened(main, Shop("mine", [row("s1")]), Shop("hers", [row("s1")])), main.client("eve") as eve:
        await eve.op("my.mark", node="mine", session="s1", seq=1)
        await eve.op("my.draft", key="mine/s1", text="x")
        for node in ("hers", "nowhere"):
            assert await code(eve.op("my.mark", node=node, session="s1", seq=1)) == "not_found"
            assert await code(eve.op("my.draft", key=f"{node}/s1", text="x")) == "not_found"
        (user,) = [each for each in await main.main.store.users.listed(0) if each.name == "eve"]
        async with main.client("ada") as owner, eve.socket() as socket:
            (kept,) = (await socket.subscribe("my.watch")).result["drafts"]
            assert kept["key"] == "mine/s1"
            await owner.op("users.update", user=user.id, grants=[])
        eve.token = await main.token("eve")
        async with eve.socket() as socket:
            assert (await socket.subscribe("my.watch")).result == {"marks": [], "drafts": [], "settings": []}


async def test_a_program_that_only_reads_puts_no_words_into_peoples_mouths(main: RunningMain) -> None:
    async with opened(main, Shop("laptop", [row("s1", news=1)]), Shop("tower")), main.client() as ada:
        await ada.op("my.draft", key="new", text="private")
        await ada.op("my.draft", key="laptop/s1", text="mine")
        tokens = {
            "reader": await ada.op("tokens.create", name="reader", scopes=["read"]),
            "writer": await ada.op("tokens.create", name="writer", scopes=["read", "write"], nodes=["tower"]),
        }
        async with Client(main.url) as program:
            program.token = tokens["reader"]["secret"]
            await program.op("my.mark", node="laptop", session="s1", seq=1)
            assert await code(program.op("my.draft", key="laptop/s1", text="rm -rf")) == "forbidden"
            assert await code(program.op("my.setting", name="keys", value="x")) == "forbidden"
            program.token = tokens["writer"]["secret"]
            assert await code(program.op("my.draft", key="laptop/s1", text="x")) == "not_found"
            assert await code(program.op("my.draft", key="new", text="x")) == "forbidden"
            assert await code(program.op("my.setting", name="keys", value="x")) == "forbidden"
            async with program.socket() as socket:
                assert (await socket.subscribe("my.watch")).result == {"marks": [], "drafts": [], "settings": []}


@pytest.mark.parametrize(
    ("op", "params"),
    [
        ("my.mark", {"node": "laptop", "session": "s1", "seq": -1}),
        ("my.mark", {"node": "laptop", "session": "s1", "seq": 2**53}),
        ("my.mark", {"node": "laptop", "session": "s1", "seq": 2**64}),
        ("my.mark", {"node": "laptop", "session": "a/b", "seq": 1}),
        ("my.draft", {"key": "laptop", "text": "x"}),
        ("my.draft", {"key": "laptop/s1/x", "text": "x"}),
        ("my.draft", {"key": "new\n", "text": "x"}),
        ("my.draft", {"key": "new", "text": "x" * (256 * 1024 + 1)}),
        ("my.draft", {"key": "new", "text": "x", "device": "d" * 65}),
        ("my.setting", {"name": "Keys", "value": "x"}),
        ("my.setting", {"name": "keys", "value": "x" * 8193}),
        ("session.list", {"cursor": "nonsense"}),
        ("session.list", {"limit": 0}),
    ],
)
async def test_bad_params_are_refused(main: RunningMain, op: str, params: dict[str, Any]) -> None:
    async with main.client() as client:
        assert await code(client.op(op, **params)) == "invalid"


async def test_a_refused_name_is_told_its_form(main: RunningMain) -> None:
    async with main.client() as client:
        for op, params, form in (
            ("my.setting", {"name": "Keys"}, "a small letter"),
            ("my.draft", {"key": "s1", "text": "x"}, "a slash between them"),
        ):
            with pytest.raises(OpError) as refused:
                await client.op(op, **params)
            assert form in refused.value.problem["detail"]


async def test_a_flood_is_held_up_and_told_when_to_go_on(main: RunningMain) -> None:
    long = "x" * (256 * 1024)
    async with main.client() as client, client.socket() as socket:
        draft = {"key": "new", "text": long}
        calls = (socket.call("my.draft", draft) for _ in range(60))
        answers = await asyncio.gather(*calls, return_exceptions=True)
        refused = [each for each in answers if isinstance(each, OpError)]
        assert answers.count({}) < 50
        assert {each.code for each in refused} == {"rate_limited"}
        assert all(each.problem["retry_after_s"] > 0 for each in refused)


async def test_the_longest_drafts_together_still_fit_the_answer(main: RunningMain) -> None:
    """Control characters are six bytes in JSON."""
    shop = Shop("laptop", [row("s1")])
    async with opened(main, shop), main.client() as client, client.socket() as socket:
        for number in range(8):
            body = msgspec.json.encode({"key": f"laptop/s{number}", "text": "\x01" * (256 * 1024)})
            url = f"{main.url}/api/ops/my.draft"
            async with client.http.post(url, data=io.BytesIO(body), headers=client.headers) as answer:
                assert answer.status == 200
        kept = (await socket.subscribe("my.watch")).result["drafts"]
        assert [draft["key"] for draft in kept] == ["laptop/s7"]
