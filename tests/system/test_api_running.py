"""How the two programs are started: files, environment, flags, ports, locks, and the sentence when it fails."""

import json
import shutil
import sqlite3
import stat
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.client import Client
from tests.support.processes import failed_start, free_port, main_settings, running, start_program
from tests.support.waiting import eventually

ALONE = {"main.local_node": False, "server.host": "127.0.0.1"}


def written(file: Path, text: str) -> str:
    file.write_text(text)
    file.chmod(0o600)
    return str(file)


async def serves(port: int) -> bool:
    try:
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/health") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def test_flags_beat_the_environment_and_that_beats_the_file(tmp_path: Path) -> None:
    ports = {name: free_port() for name in ("file", "environment", "flag")}
    config = written(tmp_path / "main.toml", f"[server]\nport = {ports['file']}\n")
    for environ, flags, winner in (
        ({}, (), "file"),
        ({"SWITCHYARD_SERVER_PORT": str(ports["environment"])}, (), "environment"),
        ({"SWITCHYARD_SERVER_PORT": str(ports["environment"])}, (f"--server.port={ports['flag']}",), "flag"),
    ):
        program = await start_program("main_server.py", tmp_path, ALONE, environ, ["--config", config, *flags])
        program.port = ports[winner]
        try:
            assert (await program.healthy())["role"] == "main"
            said = f"open http://127.0.0.1:{ports[winner]}"
            await eventually(lambda: said in program.text, what="Main to say where it is")  # noqa: B023  awaited here
        finally:
            await program.stop()


async def test_lists_in_the_environment_are_json_and_keys_of_the_other_role_are_ignored(tmp_path: Path) -> None:
    settings = main_settings(**ALONE)
    environ = {
        "SWITCHYARD_SERVER_ALLOWED_HOSTS": '["yard.example", "other.example"]',
        "SWITCHYARD_NODE_ID": "not for Main!",
        "SWITCHYARD_FILESYSTEM_ROOTS": '["/"]',
    }
    async with (
        running("main_server.py", tmp_path, settings, environ) as program,
        aiohttp.ClientSession() as http,
        http.get(f"{program.url}/api/auth/status", headers={"Host": "other.example"}) as answer,
    ):
        assert answer.status == 200


BAD_FILES = [
    ("[server]\nprot = 1\n", "server.prot"),
    ("[sever]\nport = 1\n", "sever"),
    ('[server]\nport = "many"\n', "server.port"),
    ("[server]\nport = 70000\n", "server.port"),
    ("[server]\nport = true\n", "server.port"),
    ('[server]\nallowed_hosts = "one"\n', "server.allowed_hosts"),
    ('[auth]\njwt_secret = "short"\n', "auth.jwt_secret"),
    ('[log]\nlevel = "loud"\n', "log.level"),
    ("[server\n", "line 1"),
]


@pytest.mark.parametrize(("text", "named"), BAD_FILES)
async def test_a_bad_file_stops_the_start_with_one_sentence(tmp_path: Path, text: str, named: str) -> None:
    config = written(tmp_path / "mine.toml", text)
    sentence = await failed_start("main_server.py", tmp_path, ALONE, None, "--config", config)
    assert named in sentence
    assert "mine.toml" in sentence
    assert "short" not in sentence
    assert not (tmp_path / ".switchyard" / "main.db").exists()


@pytest.mark.parametrize("script", ["main_server.py", "app.py"])
async def test_a_file_that_is_named_and_missing_is_said(tmp_path: Path, script: str) -> None:
    sentence = await failed_start(script, tmp_path, {}, None, "--config", str(tmp_path / "none.toml"))
    assert "none.toml" in sentence


async def test_a_file_with_secrets_that_others_can_read_is_warned_about(tmp_path: Path) -> None:
    config = tmp_path / "main.toml"
    config.write_text('[main]\nnode_register_tokens = ["hJ3k-1982-hfqk-nz0q"]\n')
    config.chmod(0o644)
    program = await start_program("main_server.py", tmp_path, main_settings(**ALONE), None, ["--config", str(config)])
    try:
        await program.healthy()
        assert "main.toml" in program.text
        assert "hJ3k-1982-hfqk-nz0q" not in program.text
    finally:
        await program.stop()


async def test_port_0_takes_any_port_on_main(tmp_path: Path) -> None:
    program = await start_program("main_server.py", tmp_path, {**ALONE, "server.port": 0})
    try:
        await eventually(lambda: "open http://127.0.0.1:" in program.text, what="Main to say where it is")
        port = program.text.partition("open http://127.0.0.1:")[2].split()[0]
        assert await serves(int(port))
    finally:
        await program.stop()


async def test_main_listens_on_ipv4_and_ipv6(tmp_path: Path) -> None:
    settings = {"main.local_node": False, "server.port": free_port()}
    async with running("main_server.py", tmp_path, settings) as program, aiohttp.ClientSession() as http:
        for host in ("127.0.0.1", "[::1]"):
            async with http.get(f"http://{host}:{program.port}/health") as answer:
                assert answer.status == 200


def settings_of_node(**more: Any) -> dict[str, Any]:
    """Of a node that has no register token, so it does not dial."""
    return {"node.main_server_url": "http://127.0.0.1:9", "providers.claude.enabled": False, **more}


async def test_a_node_in_direct_mode_listens_on_loopback_and_on_port_0_nowhere(tmp_path: Path) -> None:
    port = free_port()
    for given, is_open in ((port, True), (0, False)):
        settings = settings_of_node(**{"server.port": given, "log.level": "info"})
        program = await start_program("app.py", tmp_path, settings)
        try:
            await eventually(lambda: "link_refused" in program.text, what="the node to have started")  # noqa: B023
            assert await serves(port) is is_open
            listening = [
                line.split()[1]
                for line in Path(f"/proc/{program.process.pid}/net/tcp").read_text().splitlines()[1:]
                if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
            ]
            assert listening == ([f"0100007F:{port:04X}"] if is_open else [])
        finally:
            await program.stop()


async def test_a_second_start_and_the_wrong_role_are_refused_with_a_sentence(tmp_path: Path) -> None:
    settings = main_settings(**ALONE)
    database = tmp_path / ".switchyard" / "main.db"
    async with running("main_server.py", tmp_path, settings) as program:
        again = await failed_start("main_server.py", tmp_path, main_settings(**ALONE))
        assert str(program.process.pid) in again
        for each in database.parent.glob("main.db*"):
            assert stat.S_IMODE(each.stat().st_mode) == 0o600, each
    copied = tmp_path / "copied.db"
    shutil.copy(database, copied)
    wrong = await failed_start("app.py", tmp_path, settings_of_node(**{"database.path": str(copied), "server.port": 0}))
    assert "main" in wrong.lower()
    assert "node" in wrong.lower()
    node_database = tmp_path / "node.db"
    program = await start_program(
        "app.py", tmp_path, settings_of_node(**{"database.path": str(node_database), "server.port": 0})
    )
    try:
        await eventually(lambda: "link_refused" in program.text, what="the node to have started")
    finally:
        await program.stop()
    wrong = await failed_start(
        "main_server.py", tmp_path, {**main_settings(**ALONE), "database.path": str(node_database)}
    )
    assert "node" in wrong.lower()


async def test_a_register_token_is_made_at_the_first_start_and_stays(tmp_path: Path) -> None:
    settings = main_settings(**ALONE)
    tokens = []
    async with running("main_server.py", tmp_path, settings) as program, Client(program.url) as client:
        await client.register()
        tokens.append((await client.op("nodes.join"))["register_token"])
        token = client.token
    async with running("main_server.py", tmp_path, settings) as program, Client(program.url) as client:
        client.token = token
        tokens.append((await client.op("nodes.join"))["register_token"])
    assert tokens[0] == tokens[1]
    assert len(tokens[0]) >= 32


async def test_a_login_is_signed_by_the_configured_secret(tmp_path: Path) -> None:
    secret = "q8Zr-93hfA_kkpW0vB2xxT7uN5mLs1Qd"
    settings = main_settings(**ALONE)
    async with (
        running("main_server.py", tmp_path, {**settings, "auth.jwt_secret": secret}) as program,
        Client(program.url) as client,
    ):
        await client.register()
        token = client.token
    with sqlite3.connect(tmp_path / ".switchyard" / "main.db") as connection:
        kept = json.dumps(connection.execute("SELECT * FROM settings").fetchall())
    connection.close()
    assert secret not in kept
    async with running("main_server.py", tmp_path, settings) as program, Client(program.url) as client:
        client.token = token
        with pytest.raises(Exception, match="401"):
            await client.op("nodes.list")
