"""Machines of a real network: behind a NAT, under names that move, with IPv6 alone, and called back across it."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.mesh import MODES, Mode, mesh
from tests.support.network import Machine, network, run
from tests.support.processes import free_port

pytestmark = pytest.mark.xdist_group("mesh")

ANY = {"server.host": "0.0.0.0"}

MASQUERADE = """
add table ip nat
add chain ip nat out {{ type nat hook postrouting priority 100; }}
add rule ip nat out ip saddr {subnet} masquerade
"""


def main_at(where: str, mode: Mode, port: int) -> dict[str, Any]:
    """The settings of a node whose Main is `where`; a dialled one only listens."""
    key = {"direct": "node.main_server_url", "callback": "node.main_register_url"}.get(mode)
    return ANY | ({} if key is None else {key: f"http://{where}:{port}"})


async def test_a_node_behind_a_nat_dials_out(tmp_path: Path) -> None:
    async with network() as outside, network("10.214.0.0/24") as inside:
        server, router = await outside.machine("main"), await outside.machine("router")
        public = router.address
        await inside.plug(router, "inner")
        hidden = await inside.machine("hidden")
        await hidden.ip("route", "add", "default", "via", router.address)
        await run(*router.prefix, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        await run(*router.prefix, "nft", MASQUERADE.format(subnet=inside.subnet))
        async with mesh(tmp_path, server) as made:
            port = int(made.settings["server.port"])
            await made.add("hidden", "direct", hidden, **main_at(server.host, "direct", port))
            shown = await made.online("hidden")
            assert shown["address"] == public
            await made.echo("hidden")
            called = await made.add("called", "callback", hidden, **main_at(server.host, "callback", port))
            await called.says("did not call back at", public, "firewall", phase="connecting")


@pytest.mark.parametrize("mode", MODES)
async def test_a_network_of_ipv6_alone(tmp_path: Path, mode: Mode) -> None:
    async with network("fd77:5377::/64") as lan:
        server, worker = await lan.machine("main"), await lan.machine("worker")
        port = free_port()
        addresses = [f"http://{worker.host}:{port}"] if mode == "dialed" else []
        async with mesh(tmp_path, server, node_addresses=addresses) as made:
            where = main_at(server.host, mode, int(made.settings["server.port"]))
            await made.add("worker", mode, worker, **where, **{"server.port": port})
            shown = await made.online("worker")
            assert worker.address in shown["address"]
            await made.echo("worker")


async def moved(machine: Machine, to: str) -> None:
    """Give a machine another address; whoever is connected hears nothing of it."""
    await machine.ip("address", "delete", f"{machine.address}/24", "dev", "lan")
    await machine.ip("address", "add", f"{to}/24", "dev", "lan")
    machine.address = to


@pytest.mark.parametrize("mode", ["direct", "dialed"])
async def test_a_name_that_leads_elsewhere_is_looked_up_at_every_attempt(tmp_path: Path, mode: Mode) -> None:
    async with network() as lan:
        server, worker = await lan.machine("main"), await lan.machine("worker")
        for machine in (server, worker):
            machine.name("other.test", (worker if machine is server else server).address)
        port = free_port()
        addresses = [f"http://other.test:{port}"] if mode == "dialed" else []
        async with mesh(tmp_path, server, node_addresses=addresses) as made:
            where = main_at("other.test", mode, int(made.settings["server.port"]))
            node = await made.add("worker", mode, worker, **where, **{"server.port": port})
            await made.online("worker")
            await made.echo("worker")
            mover, asker = (worker, server) if mode == "dialed" else (server, worker)
            await (node.program if mode == "dialed" else made.main).kill()
            await moved(mover, "10.213.0.99")
            asker.name("other.test", "10.213.0.99")
            if mode == "dialed":
                await made.until_shown("worker", status="offline")
                await node.restart()
            else:
                await made.start_main()
            await made.online("worker")
            await made.echo("worker", "after-the-move")


async def test_a_node_is_called_back_where_it_says_if_main_allows_it(tmp_path: Path) -> None:
    async with network() as lan:
        server, worker, other = [await lan.machine(name) for name in ("main", "worker", "other")]
        server.name("worker.test", worker.address)
        async with mesh(tmp_path, server, callback_hosts=["worker.test"]) as made:
            where = main_at(server.host, "callback", int(made.settings["server.port"]))
            named = {"node.advertise_host": "worker.test"}
            await made.add("worker", "callback", worker, **where, **named)
            assert "worker.test" in (await made.online("worker"))["address"]
            await made.echo("worker")
            plain = await made.add("plain", "callback", other, **where, **{"server.port": 4456})
            assert (await made.online("plain"))["address"] == f"{other.address}:4456"
            assert plain.machine is other
            forbidden = {"node.advertise_host": worker.address}
            liar = await made.add("liar", "callback", other, **where, **forbidden)
            await liar.says(worker.address, "main.callback_hosts", phase="offline")
            assert await made.shown("liar") == {}
