"""A node that was let in and turned bad: it harms neither another node, nor the list of all, nor Main."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
import pytest_asyncio

from tests.support.fake_node import CAPABILITIES, FakeNode
from tests.support.main_app import RunningMain, running_main
from tests.support.waiting import eventually
from ws.protocol.errors import WireError
from ws.rpc import Answer, EventSink, Feed, IncomingCall

MIB = 1024 * 1024


@pytest_asyncio.fixture
async def main(tmp_path: Path) -> AsyncIterator[RunningMain]:
    async with running_main(tmp_path) as running:
        yield running


def node(main: RunningMain, name: str, **behaviours: Any) -> FakeNode:
    named = {key.replace("__", "."): value for key, value in behaviours.items()}
    return FakeNode(main.url, name, main.main.registry.tokens.shown, behaviours=named)


def summary(session: str, *, node: str = "hostile", title: str = "A title") -> dict[str, Any]:
    """A session as a node tells of it."""
    return {
        "id": session,
        "node": node,
        "path": "/work",
        "provider": "scripted",
        "title": title,
        "status": "idle",
        "updated": "2026-01-01T00:00:00Z",
        "unread": False,
        "pending_approvals": 0,
        "model": None,
        "mode": None,
        "archived": False,
    }


def asked(approval: str, title: str) -> dict[str, Any]:
    """A pending approval."""
    return {"approval": approval, "kind": "tool", "title": title, "input": {}, "options": [], "expires_at": ""}


def answering(value: Any) -> Any:
    raw = msgspec.json.encode(value)

    async def answer(_: IncomingCall) -> Answer:
        return raw

    return answer


async def for_a_while(hostile: FakeNode) -> None:
    """What happens without end happens often in this time; the link stands all along."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):
            await hostile.ended.wait()


async def test_a_hello_as_long_as_a_book_is_refused(main: RunningMain) -> None:
    for more in (
        {"labels": {str(number): "x" * 1000 for number in range(1000)}},
        {"platform": "x" * MIB},
        {"capabilities": CAPABILITIES | {"features": ["x" * 100] * 1000}},
    ):
        hostile = node(main, "hostile")
        hostile.hello = more
        with pytest.raises(WireError, match="too long"):
            async with hostile.online():
                pass
    async with node(main, "victim").online(), main.client() as client:
        assert [each["id"] for each in (await client.op("nodes.list"))["nodes"]] == ["victim"]


async def test_a_register_token_does_not_fill_the_list(main: RunningMain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("main.registry.service.MAX_NODES", 3)
    for number in range(3):
        async with node(main, f"node-{number}").online():
            pass
    with pytest.raises(WireError, match="remove"):
        async with node(main, "node-3").online():
            pass
    assert len(main.main.registry.nodes.keys()) == 3
    known = node(main, "node-1")
    known.credential = main.main.registry.tokens.shown
    async with known.online():
        pass


@pytest.mark.parametrize("method", ["link.sessions", "link.inbox"])
@pytest.mark.parametrize("is_lagging", [True, False])
async def test_a_subscription_that_ends_at_once_is_not_asked_for_without_end(
    main: RunningMain, method: str, is_lagging: bool
) -> None:
    result = b'{"sessions":[]}' if method == "link.sessions" else b'{"approvals":[]}'

    def attach(sink: EventSink) -> Any:
        sink.lag() if is_lagging else sink.end()
        return lambda: None

    async def end(_: IncomingCall) -> Answer:
        return Feed(result, attach)

    hostile = node(main, "hostile", **{method.replace(".", "__"): end})
    async with hostile.online():
        await for_a_while(hostile)
        asks = sum(call.method == method for call in hostile.calls)
        assert 1 <= asks <= 4


async def test_a_watch_of_a_session_that_always_lags_is_not_asked_for_without_end(main: RunningMain) -> None:
    def attach(sink: EventSink) -> Any:
        sink.lag()
        return lambda: None

    async def lag(_: IncomingCall) -> Answer:
        return Feed(b'{"epoch":"e","head":0}', attach)

    page = answering({"epoch": "e", "head": 0, "events": []})
    hostile = node(main, "hostile", session__watch=lag, session__events=page)
    async with hostile.online(), main.client() as client, client.socket() as socket:
        await socket.subscribe("session.watch", {"node": "hostile", "session": "s", "after": 0})
        await for_a_while(hostile)
        assert sum(call.method == "session.watch" for call in hostile.calls) <= 4


async def test_old_events_in_the_place_of_new_ones_end_the_watch(main: RunningMain) -> None:
    async def watch(_: IncomingCall) -> Answer:
        return Feed(b'{"epoch":"e","head":5}', lambda _: lambda: None)

    old = {"type": "notice", "seq": 1, "ts": "", "level": "info", "code": "x", "text": "x"}
    page = answering({"epoch": "e", "head": 5, "events": [old]})
    hostile = node(main, "hostile", session__watch=watch, session__events=page)
    async with hostile.online(), main.client() as client, client.socket() as socket:
        reader = await socket.subscribe("session.watch", {"node": "hostile", "session": "s", "after": 1})
        ended = (await reader.until("ended"))[-1]
        assert "asked for" in ended["error"]["detail"]
        assert sum(call.method == "session.events" for call in hostile.calls) <= 3


async def test_a_node_speaks_of_its_own_sessions_alone(main: RunningMain) -> None:
    lie = [summary("s1", node="victim", title="Lies")]
    truth = [summary("s1", node="victim", title="Truth")]
    hostile = node(
        main,
        "hostile",
        link__sessions=answering({"sessions": lie}),
        session__list=answering({"sessions": lie, "offline": []}),
    )
    honest = node(
        main,
        "victim",
        link__sessions=answering({"sessions": truth}),
        session__list=answering({"sessions": truth, "offline": []}),
    )
    async with honest.online(), hostile.online(), main.client() as client:
        for node_id, title in (("victim", "Truth"), ("hostile", "Lies")):
            listed = (await client.op("session.list", node=node_id))["sessions"]
            assert [(each["node"], each["title"]) for each in listed] == [(node_id, title)]
    async with main.client() as client:
        listed = (await client.op("session.list"))["sessions"]
        assert {(each["node"], each["title"]) for each in listed} == {("victim", "Truth"), ("hostile", "Lies")}


async def test_a_list_of_many_megabytes_does_not_hide_the_sessions_of_others(main: RunningMain) -> None:
    small = [summary("s1", node="victim")]
    huge = [summary(f"h{n}", node="hostile", title="x" * MIB) for n in range(7)]
    huge.append(summary("last", node="hostile", title="x" * (MIB - 4096)))
    nodes = [
        node(
            main,
            name,
            link__sessions=answering({"sessions": rows}),
            session__list=answering({"sessions": rows, "offline": []}),
        )
        for name, rows in (("victim", small), ("hostile", huge))
    ]
    async with nodes[0].online(), nodes[1].online(), main.client() as client, client.socket() as socket:
        await eventually(lambda: len(main.main.lists.sessions.keys()) >= 9, what="both lists")
        listed = await client.op("session.list")
        assert {each["node"] for each in listed["sessions"]} == {"victim"}
        assert listed["offline"] == ["hostile"]
        watch = await socket.subscribe("session.list_watch")
        assert {each["node"] for each in watch.result["sessions"]} == {"victim"}


async def test_approvals_of_many_megabytes_do_not_hide_those_of_others(main: RunningMain) -> None:
    def item(name: str, number: int, text: str) -> Any:
        session = summary("s1", node=name)
        approval = asked(f"a{number}", text)
        return {"type": "approval", "session": session, "approval": approval}

    flood = [item("victim", number, "x" * 990_000) for number in range(8)]
    hostile, accomplice = (node(main, each, link__inbox=answering({"approvals": flood})) for each in ("bad", "worse"))
    honest = node(main, "victim", link__inbox=answering({"approvals": [item("victim", 1, "May I?")]}))
    async with honest.online(), hostile.online(), accomplice.online(), main.client() as client:
        await eventually(lambda: len(main.main.inbox.approvals.keys()) == 17, what="all inboxes")
        async with client.socket() as socket:
            watch = await socket.subscribe("inbox.watch")
            assert "victim" in {each["session"]["node"] for each in watch.result["approvals"]}


async def test_sessions_without_end_do_not_fill_the_memory(main: RunningMain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("main.relay.follow.MAX_EVENT_BYTES", 100_000)
    sinks: list[EventSink] = []

    def attach(sink: EventSink) -> Any:
        sinks.append(sink)
        return lambda: None

    async def follow(_: IncomingCall) -> Answer:
        return Feed(b'{"sessions":[]}', attach)

    hostile = node(main, "hostile", link__sessions=follow)
    async with hostile.online():
        await eventually(lambda: len(sinks) == 1, what="Main to follow")
        for number in range(1000):
            event = {"type": "session", "session": summary(f"s{number}", title="x" * 150)}
            sinks[0].offer(msgspec.json.encode(event))
        await eventually(lambda: len(sinks) == 2, what="Main to begin anew")
        assert len(main.main.lists.sessions.keys()) == 0


@pytest.mark.parametrize(("told", "shown"), [("lap\u202etop\x1b[0m\u3164", "laptop[0m"), ("\u3164\u200b", "hostile")])
async def test_a_name_that_hides_something_is_shown_without_it(main: RunningMain, told: str, shown: str) -> None:
    hostile = node(main, "hostile")
    hostile.hello = {"name": told}
    async with hostile.online(), main.client() as client:
        assert [each["name"] for each in (await client.op("nodes.list"))["nodes"]] == [shown]


@pytest.mark.parametrize(
    "answer", [b"5", b'{"time":"yesterday"}', b'{"time":5}', b'{"time":"0001-01-01T00:00:00"}', b"[" * 500 + b"]" * 500]
)
async def test_garbage_in_a_probe_is_an_answer_and_the_second_claim_is_refused(
    main: RunningMain, answer: bytes
) -> None:
    async def probe(_: IncomingCall) -> Answer:
        return answer

    hostile = node(main, "hostile", link__probe=probe)
    async with hostile.online(), main.http() as http:
        headers = {
            "Authorization": f"Bearer {hostile.secret}",
            "Switchyard-Node": "hostile",
            "Switchyard-Protocol": "1",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        async with http.get("/ws/node", headers=headers) as refused:
            assert refused.status == 409


async def test_a_flood_of_terminals_to_a_page_that_does_not_read_is_bounded_and_others_are_served(
    main: RunningMain,
) -> None:
    offered = 0
    event = msgspec.json.encode({"type": "removed", "id": "t", "garbage": "x" * 60_000})

    async def flood(sink: EventSink) -> None:
        nonlocal offered
        while await sink.send(event):
            offered += 1
            await asyncio.sleep(0)

    async def watched(_: IncomingCall) -> Answer:
        def attach(sink: EventSink) -> Any:
            return asyncio.get_running_loop().create_task(flood(sink), name="flood").cancel

        return Feed(b'{"terminals":[]}', attach)

    await main.add_user("eve", "viewer")
    async with node(main, "hostile", terminal__watch=watched).online(), main.client("eve") as eve, main.client() as ada:
        raw = await eve.http.ws_connect(f"{main.url}/ws", headers=eve.headers)
        call = {"jsonrpc": "2.0", "method": "terminal.watch", "params": {"node": "hostile"}}
        before = psutil.Process().memory_info().rss
        for number in range(8):
            await raw.send_json({**call, "id": number})
        await eventually(lambda: offered > 300, what="18 MB of events", deadline_s=20)
        async with asyncio.timeout(5), ada.socket() as other:
            for _ in range(20):
                assert [each["id"] for each in (await other.call("nodes.list"))["nodes"]] == ["hostile"]
        assert psutil.Process().memory_info().rss - before < 100 * MIB
        raw._response.close()
