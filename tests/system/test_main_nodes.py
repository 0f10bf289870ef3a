"""Nodes come, are known again, are refused with a sentence, and go."""

import asyncio

import msgspec
import pytest

from main.registry import link as link_module
from main.registry import service as registry_module
from main.registry.link import Measured
from main.store.nodes import Identity
from tests.support.fake_node import FakeNode, probe
from tests.support.main_app import RunningMain
from tests.support.waiting import eventually
from ws.dial import DialError
from ws.protocol import PROTOCOL_VERSION
from ws.protocol.base import NodeId, now
from ws.protocol.errors import WireError
from ws.rpc import Answer, IncomingCall


def first_contact(main: RunningMain, node: str = "laptop") -> FakeNode:
    return FakeNode(main.url, node, main.main.registry.tokens.shown)


async def listed(main: RunningMain) -> dict[str, dict[str, object]]:
    async with main.client() as client:
        return {node["id"]: node for node in (await client.op("nodes.list"))["nodes"]}


async def test_a_node_joins_with_the_register_token_and_returns_with_its_secret(main: RunningMain) -> None:
    node = first_contact(main)
    async with node.online():
        assert (await listed(main))["laptop"]["status"] == "online"
        assert node.main_secret is not None
    await eventually(lambda: not main.main.registry.links, what="the node to be offline")
    assert (await listed(main))["laptop"]["status"] == "offline"
    async with node.online():
        assert (await listed(main))["laptop"]["status"] == "online"


async def test_the_probe_measures_the_link(main: RunningMain) -> None:
    async with first_contact(main).online():
        measured = await eventually(lambda: main.main.registry.links[NodeId("laptop")].measured, what="the first probe")
        assert 0 < measured.rtt_ms < 5000
        assert abs(measured.clock_offset_ms) < 5000


async def test_a_clock_that_is_wrong_is_measured_not_believed(main: RunningMain) -> None:
    async def late(_: IncomingCall) -> Answer:
        return b'{"time":"2031-01-01T00:00:00.000Z"}'

    node = first_contact(main)
    node.behaviours = {"link.probe": late}
    async with node.online():
        shown = await eventually(lambda: main.main.registry.links[NodeId("laptop")].measured, what="the first probe")
        assert shown.clock_offset_ms > 3600_000


@pytest.mark.parametrize(
    ("rtt_ms", "offset_ms", "is_like"),
    [(1.0, 0.0, True), (5.9, 0.0, True), (6.1, 0.0, False), (1.1, 900.0, True), (1.1, 1100.0, False)],
)
def test_what_people_would_see_of_a_probe(rtt_ms: float, offset_ms: float, is_like: bool) -> None:
    told, found = Measured(1.0, 0.0, now()), Measured(rtt_ms, offset_ms, now())
    assert found.is_like(told) is told.is_like(found) is is_like


async def test_a_probe_that_finds_nothing_new_is_told_once_a_minute(
    main: RunningMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each probe of each node told to each page is more than anything else that Main says."""
    monkeypatch.setattr(link_module, "PROBE_INTERVAL_S", 0.02)
    monkeypatch.setattr(link_module, "PROBE_STALE_S", 20.0)
    monkeypatch.setattr(link_module, "SEEN_MS", 1e9)
    monkeypatch.setattr(link_module, "SEEN_OFFSET_MS", 1e9)
    node = first_contact(main)
    async with main.client() as client, client.socket() as socket:
        watch = await socket.subscribe("nodes.watch")
        async with node.online():
            registry = main.main.registry
            await eventually(lambda: registry._probes.get(NodeId("laptop"), 0) >= 18, what="18 probes")
            probes = registry._probes[NodeId("laptop")]
            (shown,) = (await listed(main)).values()
            told = [event["node"] for event in [await watch.next() for _ in range(watch.queue.qsize())]]
    assert told[0]["rtt_ms"] is None
    assert told[1]["rtt_ms"] is not None
    assert len(told) <= 2 + probes // 6 + 1
    assert str(shown["last_seen"]) > told[1]["last_seen"], "who asks is told the newest"


async def test_a_node_that_went_was_there_until_then(main: RunningMain) -> None:
    """Not only until its last probe, up to ten seconds before."""
    node = first_contact(main)
    async with node.online():
        registry = main.main.registry
        await eventually(lambda: registry._probes.get(NodeId("laptop"), 0) >= 1, what="a probe")
        before = now()
    await eventually(lambda: not main.main.registry.links, what="the node offline")
    (shown,) = (await listed(main)).values()
    assert shown["status"] == "offline"
    assert str(shown["last_seen"]) >= before


async def test_a_node_that_fell_silent_was_there_until_its_last_answer(
    main: RunningMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "PROBE_INTERVAL_S", 0.05)
    monkeypatch.setattr(link_module, "PROBE_STALE_S", 0.2)
    silent = asyncio.Event()

    async def sometimes(call: IncomingCall) -> Answer:
        if silent.is_set():
            await asyncio.Event().wait()
        return await probe(call)

    node = first_contact(main)
    node.behaviours = {"link.probe": sometimes}
    async with node.online():
        registry = main.main.registry
        await eventually(lambda: registry._probes.get(NodeId("laptop"), 0) >= 1, what="a probe")
        link = registry.links[NodeId("laptop")]
        silent.set()
        await eventually(lambda: not registry.links, what="the node offline")
    (shown,) = (await listed(main)).values()
    assert link.measured is not None
    assert shown["last_seen"] == link.measured.at


async def test_main_keeps_only_the_hash_of_a_nodes_secret(main: RunningMain) -> None:
    node = first_contact(main)
    async with node.online():
        dumped = await main.main.store.database.read("SELECT * FROM nodes")
        assert node.secret not in repr([dict(row) for row in dumped])


async def test_a_wrong_register_token_is_refused_with_a_sentence(main: RunningMain) -> None:
    with pytest.raises(DialError, match="register token") as refused:
        async with FakeNode(main.url, "laptop", "wrong").online():
            pass
    assert refused.value.status == 401
    assert refused.value.is_final


async def test_a_register_token_does_not_take_over_a_known_id(main: RunningMain) -> None:
    node = first_contact(main)
    async with node.online():
        pass
    await eventually(lambda: not main.main.registry.links, what="the node to be offline")
    async with node.online():
        pass
    with pytest.raises(DialError, match="remove this node in Main") as refused:
        async with first_contact(main).online():
            pass
    assert refused.value.status == 403


async def test_a_first_contact_whose_answer_was_lost_can_be_repeated(main: RunningMain) -> None:
    async with first_contact(main).online():
        pass
    await eventually(lambda: not main.main.registry.links, what="the node to be offline")
    async with first_contact(main).online():
        assert (await listed(main))["laptop"]["status"] == "online"


async def test_a_confirmed_first_contact_closes_the_id_to_the_token_at_once(main: RunningMain) -> None:
    node = first_contact(main)
    async with node.online():
        assert node.peer is not None
        node.peer.notify("link.confirmed", b"{}")
        identity = main.main.registry.identity
        await eventually(lambda: identity("laptop").is_confirmed, what="the confirmation")
    await eventually(lambda: not main.main.registry.links, what="the node to be offline")
    with pytest.raises(DialError, match="remove this node in Main"):
        async with first_contact(main).online():
            pass


async def test_a_node_is_shown_with_its_address_and_version_while_it_is_linked(main: RunningMain) -> None:
    async with first_contact(main).online():
        shown = (await listed(main))["laptop"]
        assert (shown["address"], shown["protocol"]) == ("127.0.0.1", 1)
    await eventually(lambda: not main.main.registry.links, what="the node to be offline")
    assert "protocol" not in (await listed(main))["laptop"]


@pytest.mark.parametrize("protocol", [str(PROTOCOL_VERSION + 1), "99"])
async def test_another_protocol_version_names_the_side_to_update(main: RunningMain, protocol: str) -> None:
    node = first_contact(main)
    node.protocol = protocol
    with pytest.raises(DialError, match="update Switchyard on Main") as refused:
        async with node.online():
            pass
    assert refused.value.status == 426
    assert refused.value.headers["Switchyard-Protocol"] == str(PROTOCOL_VERSION)


async def test_an_older_node_is_told_to_update(main: RunningMain) -> None:
    node = first_contact(main)
    node.protocol = "0"
    with pytest.raises(DialError, match="update Switchyard on the node") as refused:
        async with node.online():
            pass
    assert refused.value.status == 426


async def test_the_second_claim_of_a_living_identity_is_refused_and_the_first_stays(main: RunningMain) -> None:
    first = first_contact(main)
    async with first.online():
        second = FakeNode(main.url, "laptop", first.secret, secret=first.secret)
        with pytest.raises(DialError, match="online already") as refused:
            async with second.online():
                pass
        assert refused.value.status == 409
        assert not first.ended.is_set()


async def test_the_second_claim_replaces_a_silent_link(main: RunningMain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "SECOND_CLAIM_PROBE_S", 0.1)
    silent = asyncio.Event()

    async def sometimes(call: IncomingCall) -> Answer:
        if silent.is_set():
            await asyncio.Event().wait()
        return await probe(call)

    first = first_contact(main)
    first.behaviours = {"link.probe": sometimes}
    async with first.online():
        silent.set()
        second = FakeNode(main.url, "laptop", first.secret, secret=first.secret)
        async with second.online():
            await asyncio.wait_for(first.ended.wait(), 5)
            assert (await listed(main))["laptop"]["status"] == "online"


async def test_a_removed_node_is_told_and_cannot_come_back_with_its_secret(main: RunningMain) -> None:
    node = first_contact(main)
    async with node.online(), main.client() as client:
        await client.op("nodes.remove", node="laptop")
        await asyncio.wait_for(node.ended.wait(), 1)
        assert [method for method, _ in node.notes] == ["link.removed"]
    with pytest.raises(DialError, match="removed") as refused:
        async with node.online():
            pass
    assert refused.value.status == 401
    async with first_contact(main).online():
        assert (await listed(main))["laptop"]["status"] == "online"


async def test_a_name_given_in_main_stays_until_the_node_gets_another(main: RunningMain) -> None:
    node = first_contact(main)
    async with node.online(), main.client() as client:
        await client.op("nodes.rename", node="laptop", name="Workbench")
    async with node.online():
        assert (await listed(main))["laptop"]["name"] == "Workbench"
    node.hello = {"name": "Lathe"}
    async with node.online():
        assert (await listed(main))["laptop"]["name"] == "Lathe"


async def test_hello_must_name_the_id_of_the_dial(main: RunningMain) -> None:
    node = first_contact(main)
    node.hello = {"id": "other"}
    with pytest.raises(WireError, match="not the one of the dial"):
        async with node.online():
            pass
    assert await listed(main) == {}


async def test_an_op_reaches_the_node_as_it_was_sent_with_the_caller_beside_it(main: RunningMain) -> None:
    async def answer(call: IncomingCall) -> Answer:
        return b'{"path":"/","parent":null,"entries":[]}'

    node = first_contact(main)
    node.behaviours = {"files.list": answer}
    async with node.online(), main.client() as client, client.socket() as socket:
        await socket.call("files.list", {"node": "laptop", "path": "/"})
        call = next(each for each in node.calls if each.method == "files.list")
        assert msgspec.json.decode(call.params) == {"node": "laptop", "path": "/"}
        assert call.caller is not None
        assert (call.caller.role, call.caller.name) == ("owner", "ada")


async def test_the_list_of_sessions_outlives_its_node(main: RunningMain) -> None:
    session = {
        "id": "s1", "node": "elsewhere", "path": "/p", "provider": "scripted", "title": "T", "status": "idle",
        "updated": "2026-11-01T00:00:00.000Z", "unread": False, "pending_approvals": 0, "model": None, "mode": None,
        "archived": False,
    }  # fmt: skip

    async def sessions(_: IncomingCall) -> Answer:
        return msgspec.json.encode({"sessions": [session], "offline": []})

    node = first_contact(main)
    node.behaviours = {"link.sessions": sessions, "session.list": sessions}
    async with main.client() as client:
        async with node.online():
            await eventually(main.main.lists.sessions.keys, what="the session in Main's list")
            fresh = await client.op("session.list")
            # A node speaks of its own sessions only, whatever it says.
            assert [(each["id"], each["node"]) for each in fresh["sessions"]] == [("s1", "laptop")]
            assert fresh["offline"] == []
        await eventually(lambda: not main.main.registry.links, what="the node to be offline")
        cached = await client.op("session.list")
        assert [(each["id"], each["stale"]) for each in cached["sessions"]] == [("s1", True)]
        assert cached["offline"] == ["laptop"]


async def test_an_offline_node_is_said_at_once(main: RunningMain) -> None:
    async with first_contact(main).online():
        pass
    await eventually(lambda: not main.main.registry.links, what="the node to be offline")
    async with (
        main.client() as client,
        client.http.get(f"{main.url}/api/ops/files.list?node=laptop&path=/", headers=client.headers) as answer,
    ):
        assert answer.status == 503
        assert (await answer.json(content_type=None))["retryable"] is True


async def test_a_node_that_has_gone_is_shown_so_before_it_is_written(
    main: RunningMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = asyncio.Event()
    identities = main.main.store.identities
    put = identities.put

    async def slow(identity: Identity) -> None:
        if not main.main.registry.links:
            await writing.wait()
        await put(identity)

    async with main.client() as client:
        async with first_contact(main).online():
            monkeypatch.setattr(identities, "put", slow)
        await eventually(lambda: not main.main.registry.links, what="the link to end")
        assert (await client.op("nodes.list"))["nodes"][0]["status"] == "offline"
        writing.set()


async def test_no_register_token_takes_the_place_of_mains_own_node(main: RunningMain) -> None:
    local = FakeNode(main.url, "laptop", main.main.registry.tokens.make_local())
    async with local.online():
        pass
    await eventually(lambda: not main.main.registry.links, what="the node to be offline")
    with pytest.raises(DialError, match="remove this node in Main first") as refused:
        async with first_contact(main).online():
            pass
    assert refused.value.status == 403
