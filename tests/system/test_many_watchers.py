"""More watchers than Main tells at once: each ends with the picture of all, and gets no older news after newer."""

import contextlib

from main.telling import AT_ONCE
from tests.support.client import Subscription
from tests.support.fake_node import FakeNode
from tests.support.main_app import RunningMain
from tests.support.waiting import eventually

WATCHERS = AT_ONCE * 2 + 1
LAST = "The last word"


async def _picture(watch: Subscription) -> dict[str, str]:
    """The state of each machine when one is called LAST."""
    states: dict[str, str] = {}
    connected: dict[str, str] = {}
    while True:
        event = await watch.next()
        assert event["type"] == "node", "nobody lags or is ended"
        node = event["node"]
        states[node["id"]] = node["status"]
        if node["connected_at"] is not None:
            assert node["connected_at"] >= connected.get(node["id"], ""), "older news after newer"
            connected[node["id"]] = node["connected_at"]
        if node["name"] == LAST:
            return states


async def test_machines_that_come_and_go_are_shown_alike_to_all_of_many_watchers(main: RunningMain) -> None:
    names = [f"n{number}" for number in range(4)]
    nodes = [FakeNode(main.url, name, main.main.registry.tokens.shown) for name in names]
    async with main.client() as client, client.socket() as socket:
        watches = [await socket.subscribe("nodes.watch") for _ in range(WATCHERS)]
        for _ in range(3):
            async with contextlib.AsyncExitStack() as online:
                for node in nodes:
                    await online.enter_async_context(node.online())
        await eventually(lambda: not main.main.registry.links, what="all machines to be gone")
        async with nodes[0].online():
            await client.op("nodes.rename", node="n0", name=LAST)
            pictures = [await _picture(watch) for watch in watches]
    assert all(picture == {"n0": "online", **dict.fromkeys(names[1:], "offline")} for picture in pictures)
