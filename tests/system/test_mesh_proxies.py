"""Something in between that reads frames and writes them anew: terminals and transfers go on, decided once a link."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.mesh import MODES, Mesh, Mode, mesh
from tests.support.processes import free_port
from tests.support.reader import reading
from tests.support.reframing import Reframing, reframing

pytestmark = pytest.mark.xdist_group("mesh")


@asynccontextmanager
async def _behind(mode: Mode, home: Path) -> AsyncIterator[tuple[Mesh, Reframing]]:
    """A node whose every connection with Main passes the proxy, whoever dials."""
    port = free_port()
    async with (
        reframing(f"http://127.0.0.1:{port}") as proxy,
        mesh(home, node_addresses=[proxy.url] if mode == "dialed" else []) as made,
    ):
        settings: dict[str, object] = {"server.port": port}
        if mode == "direct":
            proxy.target = made.main.url
            settings["node.main_server_url"] = proxy.url
        elif mode == "callback":
            settings["node.advertise_port"] = proxy.port
        await made.add("worker", mode, **settings)
        await made.online("worker")
        yield made, proxy


@pytest.mark.parametrize("mode", MODES)
async def test_streams_pass_a_proxy_that_reads_frames(mode: Mode, tmp_path: Path) -> None:
    async with _behind(mode, tmp_path) as (made, proxy):
        await made.echo("worker", "first")
        assert proxy.faults == 1, "the probe"
        await made.echo("worker", "second")
        client, home = made.client, made.nodes[0].home
        opened = await client.op("terminal.open", node="worker", path=str(home), cols=80, rows=24)
        async with reading(client, "worker", opened["terminal"]) as reader:
            await reader.type("head -c 3000000 /dev/zero | tr '\\0' x; echo en''d\n")
            await reader.until_text(b"end")
            assert reader.output.count(b"x") >= 3_000_000
        body, address = bytes(range(256)) * 20_000, f"{made.main.url}/api/nodes/worker/files/content"
        where = {"path": str(home / "sent.bin")}
        async with client.http.put(address, params=where, data=io.BytesIO(body), headers=client.headers) as answer:
            assert answer.status == 201, await answer.text()
        async with client.http.get(address, params=where, headers=client.headers) as answer:
            assert await answer.read() == body
        assert (home / "sent.bin").read_bytes() == body
    assert proxy.faults == 1, "decided once"
    assert proxy.streams == 1 + 5


async def test_pages_pass_a_proxy_that_reads_frames(tmp_path: Path) -> None:
    async with mesh(tmp_path) as made:
        node = await made.add("worker", "direct")
        await made.online("worker")
        opened = await made.client.op("terminal.open", node="worker", path=str(node.home), cols=80, rows=24)
        async with reframing(made.main.url) as proxy, Client(proxy.url) as client:
            client.token = made.client.token
            async with reading(client, "worker", opened["terminal"]) as reader:
                await reader.type("echo do''ne\n")
                await reader.until_text(b"done")
            assert proxy.faults == 0
