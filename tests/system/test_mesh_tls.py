"""Main calls nodes over TLS: what it believes, and the sentence for each certificate that does not do."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import DAY, Issued, issue
from tests.support.mesh import Mesh, MeshNode, Mode, mesh
from tests.support.processes import free_port

pytestmark = pytest.mark.xdist_group("mesh")

BAD = [
    ("expired", "has expired"),
    ("other name", "made for other names"),
    ("unknown", "nobody whom this machine trusts"),
]


async def add_tls_node(made: Mesh, mode: Mode, port: int, own: Issued) -> MeshNode:
    more: dict[str, Any] = {
        "server.port": port,
        "server.tls_cert": str(own.certificate),
        "server.tls_key": str(own.key),
    }
    return await made.add("worker", mode, **more)


@pytest.mark.parametrize("mode", ["callback", "dialed"])
async def test_a_node_that_serves_tls_is_called_over_tls(tmp_path: Path, mode: Mode) -> None:
    authority = issue(tmp_path / "ca", "ca", is_authority=True)
    own, port = issue(tmp_path / "ca", "node", by=authority), free_port()
    listed = [f"https://127.0.0.1:{port}"] if mode == "dialed" else []
    async with mesh(tmp_path, node_addresses=listed, tls_ca=str(authority.certificate)) as made:
        await add_tls_node(made, mode, port, own)
        await made.online("worker")
        await made.echo("worker")


@pytest.mark.parametrize("mode", ["callback", "dialed"])
@pytest.mark.parametrize(("fault", "sentence"), BAD)
async def test_a_certificate_that_does_not_do_is_one_sentence(
    tmp_path: Path, mode: Mode, fault: str, sentence: str
) -> None:
    authority, port = issue(tmp_path / "ca", "ca", is_authority=True), free_port()
    own = issue(
        tmp_path / "ca",
        "node",
        names=["10.99.99.99"] if fault == "other name" else ["127.0.0.1"],
        end=-DAY if fault == "expired" else DAY,
        by=None if fault == "unknown" else authority,
    )
    listed = [f"https://127.0.0.1:{port}"] if mode == "dialed" else []
    async with mesh(tmp_path, node_addresses=listed, tls_ca=str(authority.certificate)) as made:
        node = await add_tls_node(made, mode, port, own)
        if mode == "callback":
            await node.says(sentence)
        else:
            shown = (await made.client.op("nodes.list"))["nodes"][0]
            await made.until_shown(shown["id"], problem=sentence)


async def test_plain_and_tls_mixed_up_names_the_scheme(tmp_path: Path) -> None:
    port = free_port()
    async with mesh(tmp_path, node_addresses=[f"https://127.0.0.1:{port}"]) as made:
        await made.add("worker", "dialed", **{"server.port": port})
        shown = (await made.client.op("nodes.list"))["nodes"][0]
        await made.until_shown(shown["id"], problem="write http:// in its address")
