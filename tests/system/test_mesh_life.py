"""Nodes that Main calls: added, removed, added again, moved, misconfigured; and the configuration read anew."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import OpError
from tests.support.mesh import Mesh, dialled_at, mesh
from tests.support.processes import free_port
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("mesh")


async def hang_up(made: Mesh, **main: list[str] | str) -> None:
    """Write the configuration anew and let Main read it."""
    made.configure(**main)
    made.main.process.send_signal(signal.SIGHUP)


async def removed(made: Mesh, node: str) -> None:
    await made.client.op("nodes.remove", node=node)
    assert await made.shown(node) == {}


async def test_a_removed_callback_node_stops_registering_and_joins_again_after_its_next_start(tmp_path: Path) -> None:
    async with mesh(tmp_path) as made:
        node = await made.add("worker", "callback")
        await made.online("worker")
        await removed(made, "worker")
        await node.says("removed", phase="offline")
        await node.program.stop()
        await node.restart()
        await made.online("worker")
        await made.echo("worker")


async def test_a_callback_node_removed_while_it_was_away_says_so(tmp_path: Path) -> None:
    async with mesh(tmp_path) as made:
        node = await made.add("worker", "callback")
        await made.online("worker")
        await node.program.stop()
        await made.until_shown("worker", status="offline")
        await removed(made, "worker")
        await node.restart()
        await node.says("start this node anew", phase="offline")


async def test_a_dialled_node_is_listed_unlisted_removed_and_added_again(tmp_path: Path) -> None:
    port = free_port()
    async with mesh(tmp_path) as made:
        node = await made.add("worker", "dialed", **{"server.port": port})
        await node.says("waits for Main", phase="connecting")
        await hang_up(made, node_addresses=dialled_at(port))
        await made.online("worker")
        with pytest.raises(OpError) as refused:
            await made.client.op("nodes.remove", node="worker")
        assert (refused.value.status, refused.value.code) == (409, "conflict")
        assert "main.node_addresses" in refused.value.problem["detail"]
        await hang_up(made)
        await made.until_shown("worker", status="offline")
        await removed(made, "worker")
        await node.says("Main has removed this node", phase="offline")
        await hang_up(made, node_addresses=dialled_at(port))
        unknown = await eventually(lambda: only(made), what="the address to be shown")
        assert unknown["name"] == f"127.0.0.1:{port}"
        await made.until_shown(unknown["id"], problem="start it anew")
        await node.program.stop()
        await node.restart()
        await made.online("worker")
        assert await made.shown(unknown["id"]) == {}
        await made.echo("worker")


async def only(made: Mesh) -> dict[str, Any] | None:
    listed = (await made.client.op("nodes.list"))["nodes"]
    return listed[0] if len(listed) == 1 else None


async def test_a_reading_of_the_configuration_takes_some_keys_and_names_the_others(tmp_path: Path) -> None:
    async with mesh(tmp_path) as made:
        stranger = await made.add("stranger", "callback", **{"node.register_token": "a-token-of-tomorrow-morning"})
        await stranger.says("register token", phase="offline")
        await hang_up(made, node_register_tokens=["a-token-of-tomorrow-morning"], local_node=True)  # type: ignore[arg-type]
        await eventually(lambda: "needs a restart of Main: main.local_node" in made.main.text, what="the warning")
        await stranger.program.stop()
        await stranger.restart()
        await made.online("stranger")
        made.config.write_text("[main]\nnode_adresses = []\n")
        made.main.process.send_signal(signal.SIGHUP)
        await eventually(lambda: "Main goes on with what it had" in made.main.text, what="the sentence")
        assert "node_adresses" in made.main.text
        await made.echo("stranger")
        made.config.write_text("[log]\nlevel = 'debug'\n[main]\nlocal_node = false\n")
        made.main.process.send_signal(signal.SIGHUP)

        async def is_debugging() -> bool:
            await made.main.healthy()
            return "[debug" in made.main.text

        await eventually(is_debugging, what="the new level")


async def test_what_nobody_reaches_is_shown_with_the_reason(tmp_path: Path) -> None:
    closed = free_port()
    async with mesh(tmp_path, node_addresses=[f"http://127.0.0.1:{closed}"]) as made:
        shown = await eventually(lambda: only(made), what="the address to be shown")
        shown = await made.until_shown(str(shown["id"]), status="offline", mode="dialed", problem="cannot be reached")
        assert shown["address"] == f"http://127.0.0.1:{closed}"
        for op, more in (("nodes.remove", {}), ("files.list", {"path": "/"})):
            with pytest.raises(OpError) as refused:
                await made.client.op(op, node=shown["id"], **more)
            assert refused.value.code in {"conflict", "node_offline"}
        assert (await made.main.healthy())["nodes"] == {"online": 0, "total": 1}


async def test_a_node_that_main_cannot_call_back_is_told_why(tmp_path: Path) -> None:
    async with mesh(tmp_path) as made:
        node = await made.add("worker", "callback", **{"node.advertise_port": free_port()})
        await node.says("Main cannot call this node back", "cannot be reached")
        stranger = await made.add("stranger", "callback", **{"node.advertise_host": "192.0.2.9"})
        await stranger.says("main.callback_hosts", phase="offline")


@pytest.mark.parametrize("host", ["localhost", "::1", "127.0.0.1"])
async def test_a_node_is_called_at_the_host_that_it_advertises(tmp_path: Path, host: str) -> None:
    async with mesh(tmp_path) as made:
        more = {"node.advertise_host": host, "server.host": "::1" if ":" in host else "127.0.0.1"}
        node = await made.add("worker", "callback", **more)
        shown = await made.online("worker")
        assert host in shown["address"]
        node.program.port = 0  # /health of it is not asked here
        await made.echo("worker")


@pytest.mark.parametrize("host", ["localhost", "[::1]"])
async def test_main_dials_names_and_ipv6_addresses(tmp_path: Path, host: str) -> None:
    port = free_port()
    async with mesh(tmp_path, node_addresses=[f"http://{host}:{port}"]) as made:
        await made.add("worker", "dialed", **{"server.port": port, "server.host": host.strip("[]")})
        shown = await made.online("worker")
        assert shown["address"] == f"{host}:{port}"
        await made.echo("worker")


async def test_a_node_that_belongs_to_another_main_stays_there(tmp_path: Path) -> None:
    port = free_port()
    async with (
        mesh(tmp_path / "one", node_addresses=dialled_at(port)) as one,
        mesh(tmp_path / "two") as two,
    ):
        await one.add("worker", "dialed", **{"server.port": port})
        await one.online("worker")
        await hang_up(two, node_addresses=dialled_at(port))
        shown = await eventually(lambda: only(two), what="the address to be shown")
        await two.until_shown(str(shown["id"]), problem="belongs to a Main already")
        await one.echo("worker")


async def test_a_second_node_with_the_same_id_is_refused_and_the_first_stays(tmp_path: Path) -> None:
    async with mesh(tmp_path) as made:
        await made.add("worker", "callback")
        await made.online("worker")
        second = await made.add("worker", "callback", **{"database.path": str(tmp_path / "second.db")})
        await second.says("another id (node.id)", phase="offline")
        await made.echo("worker")


async def test_three_ways_and_many_nodes_at_once(tmp_path: Path) -> None:
    """Twenty real nodes of one machine: a third by each way."""
    ports = [free_port() for _ in range(7)]
    async with mesh(tmp_path, node_addresses=dialled_at(*ports)) as made:
        for number in range(20):
            mode = ("dialed", "callback", "direct")[number % 3]
            more = {"server.port": ports[number // 3]} if mode == "dialed" else {}
            await made.add(f"node-{number}", mode, **more)  # type: ignore[arg-type]

        async def all_online() -> bool:
            return bool((await made.main.healthy())["nodes"] == {"online": 20, "total": 20})

        await eventually(all_online, what="twenty nodes to be online", deadline_s=90)
        for node in ("node-0", "node-1", "node-2", "node-19"):
            await made.echo(node, f"echo-of-{node}")
        labelled = await made.client.op("nodes.list", status="offline")
        assert labelled["nodes"] == []
        await made.main.kill()
        await made.start_main()
        await eventually(all_online, what="twenty nodes to be back", deadline_s=90)


async def test_nodes_are_filtered_by_state_labels_and_capability(tmp_path: Path) -> None:
    async with mesh(tmp_path) as made:
        attic = await made.add("attic", "callback", **{"node.labels": json.dumps({"room": "attic", "os": "linux"})})
        await made.add("cellar", "direct", **{"node.labels": {"room": "cellar"}, "terminal.enabled": False})
        await made.online("attic")
        await made.online("cellar")

        async def ids(**filters: object) -> list[str]:
            return sorted(each["id"] for each in (await made.client.op("nodes.list", **filters))["nodes"])

        assert await ids(labels={"room": "attic"}) == ["attic"]
        assert await ids(labels={"room": "attic", "os": "windows"}) == []
        assert await ids(capability="terminal") == ["attic"]
        assert await ids(capability="files") == ["attic", "cellar"]
        async with made.client.socket() as socket:
            watch = await socket.subscribe("nodes.watch", {"status": "online", "labels": {"room": "attic"}})
            assert [each["id"] for each in watch.result["nodes"]] == ["attic"]
            await attic.program.stop()
            assert (await watch.until("removed"))[-1]["id"] == "attic"
        assert await ids(status="offline") == ["attic"]
        assert await ids(status="online") == ["cellar"]
