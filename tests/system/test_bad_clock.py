"""A node whose clock is wrong: measured, shown, and believed nowhere."""

import datetime as dt
from typing import Any

import msgspec
import pytest

from tests.support.fake_node import FakeNode
from tests.support.main_app import RunningMain
from tests.support.waiting import eventually
from ws.protocol.base import NodeId
from ws.rpc import Answer, IncomingCall


def at(offset: dt.timedelta) -> str:
    return (dt.datetime.now(dt.UTC) + offset).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def node_off_by(main: RunningMain, offset: dt.timedelta) -> FakeNode:
    async def probe(_: IncomingCall) -> Answer:
        return msgspec.json.encode({"time": at(offset)})

    async def events(_: IncomingCall) -> Answer:
        """The second event is stamped before the first: the clock was put back in between."""
        stamped = [(1, offset), (2, offset - dt.timedelta(days=1)), (3, offset + dt.timedelta(days=1))]
        told = [{"type": "user_message", "seq": seq, "ts": at(when), "text": "", "by": ""} for seq, when in stamped]
        return msgspec.json.encode({"epoch": "e", "head": 3, "events": told})

    return FakeNode(
        main.url,
        "laptop",
        main.main.registry.tokens.shown,
        behaviours={"link.probe": probe, "session.events": events},
        hello={"time": at(offset)},
    )


async def shown(main: RunningMain) -> dict[str, Any]:
    async with main.client() as client:
        (node,) = (await client.op("nodes.list"))["nodes"]
    return dict(node)


@pytest.mark.parametrize("offset", [dt.timedelta(days=-4000), dt.timedelta(days=4000), dt.timedelta(minutes=-3)])
async def test_the_offset_is_shown_and_nothing_else_goes_by_it(main: RunningMain, offset: dt.timedelta) -> None:
    async with node_off_by(main, offset).online(), main.client() as client:
        await eventually(lambda: main.main.registry.links[NodeId("laptop")].measured, what="the first probe")
        node = await shown(main)
        assert node["status"] == "online"
        assert abs(node["clock_offset_ms"] - offset.total_seconds() * 1000) < 5000
        for each in ("connected_at", "last_seen"):
            told = dt.datetime.fromisoformat(node[each])
            assert abs((told - dt.datetime.now(dt.UTC)).total_seconds()) < 60, f"{each} is Main's time"
        page = await client.op("session.events", node="laptop", session="s", limit=10)
        assert [event["seq"] for event in page["events"]] == [1, 2, 3], "in the order of the journal"


async def test_a_time_that_is_none_leaves_the_link_to_work(main: RunningMain) -> None:
    node = node_off_by(main, dt.timedelta(0))

    async def nonsense(_: IncomingCall) -> Answer:
        return b'{"time":"half past nine"}'

    node.behaviours = {**node.behaviours, "link.probe": nonsense}
    async with node.online(), main.client() as client:
        assert (await client.op("session.events", node="laptop", session="s", limit=10))["head"] == 3
        assert (await shown(main))["clock_offset_ms"] is None
