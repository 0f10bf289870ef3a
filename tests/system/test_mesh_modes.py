"""The three ways to be linked: everything works alike, and comes back after every break."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.mesh import MODES, Mesh, MeshNode, Mode, dialled_at, mesh
from tests.support.processes import free_port
from tests.support.waiting import eventually
from ws.protocol import PROTOCOL_VERSION

pytestmark = pytest.mark.xdist_group("mesh")


@pytest.fixture(params=MODES)
async def linked(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Mesh, MeshNode]]:
    """One Main and one node that is online, in each mode."""
    mode: Mode = request.param
    port = free_port()
    async with mesh(tmp_path, node_addresses=dialled_at(port) if mode == "dialed" else []) as made:
        node = await made.add("worker", mode, **{"server.port": port})
        await made.online("worker")
        yield made, node


async def test_a_node_is_linked_and_its_terminal_echoes(linked: tuple[Mesh, MeshNode]) -> None:
    made, node = linked
    shown = await made.online("worker")
    assert shown["mode"] == node.mode
    assert shown["protocol"] == PROTOCOL_VERSION
    assert "problem" not in shown
    assert "127.0.0.1" in shown["address"]

    async def knows_that_it_is_online() -> bool:  # it hears Main's welcome a moment after Main has shown it
        return bool((await node.program.healthy())["link"] == "online")

    await eventually(knows_that_it_is_online, what="the node to know that it is online")
    listed = await made.client.op("files.list", node="worker", path=str(node.home))
    assert listed["path"] == str(node.home)
    await made.echo("worker")


async def test_the_link_comes_back_after_the_end_of_either_side(linked: tuple[Mesh, MeshNode]) -> None:
    made, node = linked
    await made.client.op("nodes.rename", node="worker", name="Bench")
    await made.main.kill()
    await node.says(phase="connecting")
    await made.start_main()
    await made.online("worker")
    await made.echo("worker", "after-main")
    await node.program.kill()
    await made.until_shown("worker", status="offline")
    await node.restart(**{"node.register_token": "is-not-needed-any-more", "node.labels": {"room": "attic"}})
    shown = await made.online("worker")
    assert (shown["name"], shown["labels"]) == ("Bench", {"room": "attic"})
    await made.echo("worker", "after-node")


async def test_a_node_that_stops_is_offline_at_once(linked: tuple[Mesh, MeshNode]) -> None:
    made, node = linked
    async with asyncio.timeout(5):
        await node.program.stop(signal.SIGTERM)
        await made.until_shown("worker", status="offline")


async def test_a_hang_up_ends_neither(linked: tuple[Mesh, MeshNode]) -> None:
    made, node = linked
    node.program.process.send_signal(signal.SIGHUP)
    made.main.process.send_signal(signal.SIGHUP)
    await made.echo("worker")
    assert (await node.program.healthy())["link"] == "online"
    assert (await made.main.healthy())["nodes"] == {"online": 1, "total": 1}


async def test_a_file_is_sent_and_fetched(linked: tuple[Mesh, MeshNode]) -> None:
    made, node = linked
    body = bytes(range(256)) * 4096
    address = f"{made.main.url}/api/nodes/worker/files/content"
    target = {"path": str(node.home / "sent.bin")}
    async with made.client.http.put(address, params=target, data=body, headers=made.client.headers) as answer:
        assert answer.status in {200, 201, 204}
    async with made.client.http.get(address, params=target, headers=made.client.headers) as answer:
        assert (answer.status, await answer.read()) == (200, body)
    assert (node.home / "sent.bin").read_bytes() == body


async def test_many_streams_of_one_node_at_once(linked: tuple[Mesh, MeshNode]) -> None:
    made, _ = linked
    async with asyncio.TaskGroup() as readers:
        for number in range(12):
            readers.create_task(made.echo("worker", f"reader-{number}"), name=f"reader {number}")
