"""Main and nodes over TLS, with the certificate of `tls init` and with bad ones."""

import asyncio
import re
import ssl
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.support.certificates import DAY, issue
from tests.support.client import Client
from tests.support.installation import scripted
from tests.support.processes import (
    ROOT,
    Program,
    failed_start,
    free_port,
    main_settings,
    running,
    start_program,
)
from tests.support.reader import reading
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(120)


@dataclass
class Secure:
    """A Main with its local node, as after `tls init` and a start; `client` believes its CA alone."""

    main: Program
    client: Client
    ca: Path
    cookie: str


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[Secure]:
    config = tmp_path / "main.toml"
    made = await asyncio.create_subprocess_exec(
        *[sys.executable, str(ROOT / "main_server.py"), "tls", "init", f"--config={config}"],
        env={"HOME": str(tmp_path), "LANG": "C.UTF-8"},
        stdout=subprocess.DEVNULL,
    )
    assert await made.wait() == 0
    ca = tmp_path / ".switchyard" / "tls" / "ca.pem"
    settings = main_settings(**scripted(tmp_path))
    program = await start_program("main_server.py", tmp_path, settings, arguments=["--config", str(config)])
    program.is_tls = True
    try:
        await program.healthy()
        async with Client(program.url, trust=ssl.create_default_context(cafile=str(ca))) as client:
            body = {"username": "ada", "password": "correct horse"}
            async with client.http.post(f"{program.url}/api/auth/register", json=body) as answer:
                assert answer.status == 201
                client.token = (await answer.json())["token"]
                yield Secure(program, client, ca, answer.headers["Set-Cookie"])
    finally:
        await program.stop()


async def test_everything_works_over_tls(secure: Secure) -> None:
    name, client = f"__Host-switchyard_{secure.main.port}", secure.client
    assert re.match(rf"{name}=[^;]+; HttpOnly; Max-Age=\d+; Path=/; SameSite=Strict; Secure$", secure.cookie)
    node = await client.online_node()
    async with client.http.get(secure.main.url) as answer:
        assert f"wss://127.0.0.1:{secure.main.port}" in answer.headers["Content-Security-Policy"]
        assert "Strict-Transport-Security" not in answer.headers, "the name may serve plain http on another port"
    opened = await client.op("terminal.open", node=node, path=str(secure.main.home), cols=80, rows=24)
    async with reading(client, node, opened["terminal"]) as terminal:
        await terminal.type("echo do''ne\n")
        await terminal.until_text(b"done")


async def test_the_cookie_opens_sockets_for_our_own_page_alone(secure: Secure) -> None:
    cookie = {"Cookie": secure.cookie.partition(";")[0]}
    own, plain = secure.main.url, secure.main.url.replace("https:", "http:")
    async with secure.client.http.ws_connect(f"{own}/ws", headers={**cookie, "Origin": own}) as socket:
        assert not socket.closed
    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        await secure.client.http.ws_connect(f"{own}/ws", headers={**cookie, "Origin": plain})


async def test_another_machine_joins_with_the_lines_that_the_page_shows(secure: Secure, tmp_path: Path) -> None:
    info = await secure.client.op("nodes.join")
    assert info["ca"] == secure.ca.read_text()
    assert [line.partition("\n")[0].partition(" ")[0] for line in info["commands"]] == ["cat", "make", "make"]
    assert info["register_token"] not in "".join(info["commands"])
    # The lines as they are, but for the folder of the clone and the address: here all are one machine.
    home = tmp_path / "other"
    (home / "configs").mkdir(parents=True)
    written = await asyncio.create_subprocess_exec("sh", "-ec", info["commands"][0], cwd=home)
    assert await written.wait() == 0
    file = home / "configs" / "node.toml"
    file.write_text(re.sub(r"https://[^:/]+:", "https://127.0.0.1:", info["config"]))
    assert tomllib.loads(info["config"])["node"]["tls_ca"] == "main-ca.pem"
    file.chmod(0o600)
    given = {"server.port": free_port(), "node.id": "other"}
    async with running("app.py", home, given, arguments=["--config", str(file)]):
        await secure.client.online_node("other")


async def test_a_node_without_the_ca_says_what_to_set(secure: Secure, tmp_path: Path) -> None:
    given = {"server.port": free_port(), "node.main_server_url": secure.main.url, "node.register_token": "x" * 32}
    async with running("app.py", tmp_path / "other", given) as node:

        async def told() -> bool:
            health = await node.health()
            return health is not None and "tls_ca" in str(health.get("link_detail"))

        await eventually(told, what="the node to name the key")
        assert "tls_ca" in node.text


async def test_a_node_serves_its_own_port_over_tls(tmp_path: Path) -> None:
    issued = issue(tmp_path / "tls")
    settings = {
        "server.port": free_port(),
        "server.tls_cert": str(issued.certificate),
        "server.tls_key": str(issued.key),
        "node.main_server_url": "http://127.0.0.1:1",
    }
    async with running("app.py", tmp_path, settings) as node:
        assert (await node.healthy())["role"] == "node"


async def test_an_expired_certificate_is_served_and_said(tmp_path: Path) -> None:
    issued = issue(tmp_path / "tls", end=-DAY)
    tls = {"server.tls_cert": str(issued.certificate), "server.tls_key": str(issued.key)}
    async with running("main_server.py", tmp_path, main_settings(**{"main.local_node": False}, **tls)) as main:
        assert "has expired on" in main.text


@pytest.mark.parametrize("script", ["main_server.py", "app.py"])
async def test_a_certificate_that_cannot_be_served_stops_the_start(tmp_path: Path, script: str) -> None:
    issued, other = issue(tmp_path / "tls", end=90 * DAY), issue(tmp_path / "tls", "other")
    settings = {
        "server.port": free_port(),
        "server.tls_cert": str(issued.certificate),
        "server.tls_key": str(other.key),
    }
    if script == "app.py":
        settings["node.main_server_url"] = "http://127.0.0.1:1"
    assert "is not the key of the certificate" in await failed_start(script, tmp_path, settings)
