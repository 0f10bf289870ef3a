"""One user and the node of another: nothing of it is listed, read, watched, answered, heard of or opened."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from tests.support.client import Client, OpError, Subscription
from tests.support.fake_node import FakeNode
from tests.support.main_app import RunningMain
from ws.protocol.ops import OPS, Place
from ws.rpc import Answer, EventSink, Feed, IncomingCall

TS = "2026-11-01T00:00:00.000Z"


def session(node: str) -> dict[str, Any]:
    return {
        "id": f"s-{node}", "node": node, "path": "/w", "provider": "scripted", "title": f"Secret of {node}",
        "status": "waiting", "updated": TS, "unread": False, "pending_approvals": 1, "model": None, "mode": None,
        "archived": False,
    }  # fmt: skip


def approval(node: str, number: int = 1) -> dict[str, Any]:
    asked = {
        "type": "approval_requested", "seq": 1, "ts": TS, "turn": "t", "approval": f"a{number}-{node}", "kind": "tool",
        "title": f"Secret of {node}", "input": {}, "options": [], "expires_at": TS,
    }  # fmt: skip
    return {"type": "approval", "session": session(node), "approval": asked}


@dataclass
class Shop:
    """A node with one session that waits for its people, and the readers that Main has there."""

    id: str
    sinks: dict[str, EventSink] = field(default_factory=dict)

    def watched(self, name: str, result: Any) -> Callable[[IncomingCall], Awaitable[Answer]]:
        async def answer(_: IncomingCall) -> Answer:
            def attach(sink: EventSink) -> Callable[[], None]:
                self.sinks[name] = sink
                return lambda: None

            return Feed(msgspec.json.encode(result), attach)

        return answer

    async def listed(self, _: IncomingCall) -> Answer:
        return msgspec.json.encode({"sessions": [session(self.id)], "offline": []})

    def node(self, main: RunningMain) -> FakeNode:
        behaviours = {
            "link.sessions": self.watched("sessions", {"sessions": [session(self.id)]}),
            "link.inbox": self.watched("inbox", {"approvals": [approval(self.id)]}),
            "session.list": self.listed,
        }
        return FakeNode(main.url, self.id, main.main.registry.tokens.shown, behaviours=behaviours)

    def tell(self, name: str, event: Any) -> None:
        self.sinks[name].offer(msgspec.json.encode(event))


@dataclass
class Two:
    """Node `mine` is shared with eve, node `hers` is not; `eve` and `owner` are signed in."""

    main: RunningMain
    mine: Shop
    hers: Shop
    eve: Client
    owner: Client


@pytest.fixture
async def two(main: RunningMain) -> AsyncIterator[Two]:
    mine, hers = Shop("mine"), Shop("hers")
    await main.add_user("eve", "member", {"mine": "member"})
    async with (
        mine.node(main).online(),
        hers.node(main).online(),
        main.client("eve") as eve,
        main.client("ada") as owner,
        owner.socket() as socket,
    ):
        watch = await socket.subscribe("session.list_watch")
        known = {each["node"] for each in watch.result["sessions"]}
        while known < {"mine", "hers"}:
            known.add((await watch.next())["session"]["node"])
        inbox = await socket.subscribe("inbox.watch")
        asked = {each["session"]["node"] for each in inbox.result["approvals"]}
        while asked < {"mine", "hers"}:
            asked.add((await inbox.next())["session"]["node"])
        yield Two(main, mine, hers, eve, owner)


async def test_lists_hold_what_is_shared(two: Two) -> None:
    assert [node["id"] for node in (await two.eve.op("nodes.list"))["nodes"]] == ["mine"]
    assert {node["id"] for node in (await two.owner.op("nodes.list"))["nodes"]} == {"mine", "hers"}
    listed = await two.eve.op("session.list")
    assert [each["node"] for each in listed["sessions"]] == ["mine"]
    assert listed["offline"] == []
    async with two.eve.socket() as socket:
        assert [each["id"] for each in (await socket.subscribe("nodes.watch")).result["nodes"]] == ["mine"]
        watched = (await socket.subscribe("session.list_watch")).result
        assert [each["node"] for each in watched["sessions"]] == ["mine"]
        inbox = (await socket.subscribe("inbox.watch")).result
        assert [each["session"]["node"] for each in inbox["approvals"]] == ["mine"]


async def test_an_offline_node_of_somebody_else_is_not_even_counted(main: RunningMain) -> None:
    await main.add_user("eve", "member", {})
    async with Shop("hers").node(main).online():
        pass
    async with main.client("ada") as owner, main.client("eve") as eve, eve.socket() as socket:
        assert (await owner.op("session.list"))["offline"] == ["hers"]
        assert await eve.op("session.list") == {"sessions": [], "offline": []}
        assert (await socket.subscribe("session.list_watch")).result == {"sessions": [], "offline": []}
        assert (await socket.subscribe("nodes.watch")).result == {"nodes": []}


async def test_a_node_says_what_the_caller_may_do_there_and_its_address_to_owners_alone(two: Two) -> None:
    (seen,) = (await two.eve.op("nodes.list"))["nodes"]
    assert seen["role"] == "member"
    assert "address" not in seen
    shown = next(node for node in (await two.owner.op("nodes.list"))["nodes"] if node["id"] == "mine")
    assert shown["role"] == "owner"


async def until(watch: Subscription, wanted: str) -> list[dict[str, Any]]:
    """Every event up to the one that has `wanted` in it."""
    seen: list[dict[str, Any]] = []
    async with asyncio.timeout(10):
        while not seen or wanted not in json.dumps(seen[-1]):
            seen.append(await watch.next())
    return seen


@pytest.mark.parametrize("op", ["session.list_watch", "inbox.watch", "nodes.watch"])
async def test_no_watch_tells_of_what_happens_on_the_node_of_somebody_else(two: Two, op: str) -> None:
    """What happens there comes first, and what is told to eve is only what came after it on her own."""
    async with two.eve.socket() as socket, two.owner.socket() as other:
        watch, seeing = await socket.subscribe(op), await other.subscribe(op)
        for shop in (two.hers, two.mine):
            if op == "nodes.watch":
                await two.owner.op("nodes.rename", node=shop.id, name=f"marked {shop.id}")
            elif op == "session.list_watch":
                shop.tell("sessions", {"type": "session", "session": session(shop.id) | {"title": f"marked {shop.id}"}})
            else:
                ended = session(shop.id) | {"title": f"marked {shop.id}"}
                shop.tell("inbox", approval(shop.id, 2))
                shop.tell("inbox", {"type": "turn_ended", "session": ended, "stop_reason": "end_turn"})
            await until(seeing, f"marked {shop.id}")
        assert "hers" not in json.dumps(await until(watch, "marked mine"))


async def test_an_event_stream_tells_no_more_than_a_socket(two: Two) -> None:
    url = f"{two.main.url}/api/ops/inbox.watch"
    async with two.eve.http.get(url, headers=two.eve.headers) as stream:
        assert await stream.content.readline() == b"event: result\n"
        assert b"hers" not in await stream.content.readline()
        for shop in (two.hers, two.mine):
            shop.tell("inbox", approval(shop.id, 3))
        told = b""
        async with asyncio.timeout(10):
            while b"a3-mine" not in told:
                told += await stream.content.readline()
        assert b"hers" not in told


async def test_a_terminal_of_somebody_else_is_not_found_and_its_node_never_asked(two: Two) -> None:
    for node in ("hers", "nowhere"):
        url = f"{two.main.url}/ws/terminal?node={node}&terminal=t1"
        async with two.eve.http.ws_connect(url, headers=two.eve.headers) as socket:
            frame = await socket.receive_json(timeout=5)
            assert frame == {"type": "error", "code": "not_found", "detail": "There is no such node."}
            await socket.receive(timeout=5)
            assert socket.close_code == 4404


async def test_no_address_of_a_node_answers_a_stranger(two: Two) -> None:
    """Whatever routes carry a node in their path: transfers today, more tomorrow."""
    routes = [
        (route.method, route.resource.canonical)
        for route in two.main.app.router.routes()
        if route.resource is not None and "{node}" in route.resource.canonical
    ]
    for method, path in routes:
        for node in ("hers", "nowhere"):
            url = two.main.url + path.replace("{node}", node) + "?path=/etc/hostname"
            async with two.eve.http.request(method, url, headers=two.eve.headers) as answer:
                assert answer.status == 404, (method, path, node)
                if method != "HEAD":
                    assert (await answer.json(content_type=None))["detail"] == "There is no such node."


async def test_a_shared_feed_is_no_way_round_a_grant(main: RunningMain) -> None:
    """The owner watches a session, so Main has its feed already; a stranger is not let into it."""
    await main.add_user("eve", "member", {})
    shop = Shop("hers")
    node = shop.node(main)

    async def page(_: IncomingCall) -> Answer:
        return b'{"epoch":"e","head":0,"events":[]}'

    node.behaviours = {
        **node.behaviours,
        "session.events": page,
        "session.watch": shop.watched("watch", {"epoch": "e", "head": 0}),
    }
    params = {"node": "hers", "session": "s-hers"}
    async with node.online(), main.client("ada") as owner, main.client("eve") as eve:
        async with owner.socket() as watching, eve.socket() as socket:
            assert (await watching.subscribe("session.watch", params)).result["head"] == 0
            with pytest.raises(OpError) as refused:
                await socket.subscribe("session.watch", params)
            assert refused.value.problem["detail"] == "There is no such node."
        watchers = [call.caller for call in node.calls if call.method in ("session.watch", "session.events")]
        assert watchers
        assert all(who is not None and (who.role, who.user) == ("viewer", "") for who in watchers)


async def test_what_is_taken_back_is_gone_within_a_second_and_what_is_given_is_there(two: Two) -> None:
    account = await two.main.main.store.users.by_name("eve")
    assert account is not None
    async with two.eve.socket() as socket:
        await socket.subscribe("inbox.watch")
        await two.owner.op("users.update", user=account.id, grants=[{"node": "hers", "role": "viewer"}])
        await asyncio.wait_for(socket.closed.wait(), 1)
        assert socket.raw.close_code == 4401
    (seen,) = (await two.eve.op("nodes.list"))["nodes"]
    assert (seen["id"], seen["role"]) == ("hers", "viewer")
    with pytest.raises(OpError) as refused:
        await two.eve.op("session.get", node="mine", session="s-mine")
    assert refused.value.code == "not_found"


async def test_the_rights_on_a_removed_node_are_no_rights_on_its_successor(main: RunningMain) -> None:
    eve_account = await main.add_user("eve", "member", {"mine": "member"})
    shop = Shop("mine")
    async with main.client("ada") as owner, main.client("eve") as eve:
        async with shop.node(main).online(), eve.socket() as socket:
            secret = (await eve.op("tokens.create", name="ci", scopes=["read"], nodes=["mine"]))["secret"]
            await owner.op("nodes.remove", node="mine")
            await asyncio.wait_for(socket.closed.wait(), 1)
        async with Shop("mine").node(main).online():
            assert [node["id"] for node in (await owner.op("nodes.list"))["nodes"]] == ["mine"]
            assert await eve.op("nodes.list") == {"nodes": []}
            await owner.op("users.update", user=eve_account.id, grants=[{"node": "mine", "role": "member"}])
            eve.token = secret
            assert await eve.op("nodes.list") == {"nodes": []}


async def test_devices_and_tokens_of_others_are_not_shown(two: Two) -> None:
    account = await two.main.main.store.users.by_name("ada")
    assert account is not None
    await two.owner.op("tokens.create", name="backup", scopes=["read"])
    assert (await two.eve.op("tokens.list"))["tokens"] == []
    for op, params in (("logins.list", {"user": account.id}), ("tokens.list", {"everybody": True})):
        with pytest.raises(OpError) as refused:
            await two.eve.op(op, **params)
        assert refused.value.code == "forbidden"
    (token,) = (await two.owner.op("tokens.list", everybody=True))["tokens"]
    with pytest.raises(OpError) as refused:
        await two.eve.op("tokens.revoke", token=token["id"])
    assert refused.value.code == "not_found"
    assert len((await two.owner.op("tokens.list"))["tokens"]) == 1


def test_every_op_of_a_node_says_which_in_its_params() -> None:
    """The one check of the router looks at `node`: an op of a node that named it otherwise would slip past."""
    for op in OPS.values():
        if op.place is Place.NODE:
            names = {entry.encode_name for entry in msgspec.structs.fields(op.params)}
            assert "node" in names, op.name


async def test_params_that_name_a_node_twice_are_judged_as_they_are_forwarded(two: Two) -> None:
    """Main judges what it decoded and forwards the bytes: both must mean the same node."""
    body = b'{"node":"hers","node":"mine","session":"s"}'
    for sent in (body, body.replace(b'"node":"hers","node":"mine"', b'"node":"mine","node":"hers"')):
        url = f"{two.main.url}/api/ops/session.get"
        async with two.eve.http.post(url, data=sent, headers=two.eve.headers) as answer:
            problem = await answer.json(content_type=None)
        last_is_mine = sent.index(b"mine") > sent.index(b"hers")
        assert (problem["detail"] != "There is no such node.") == last_is_mine
