"""Main as a process: how it starts, why it does not, and how it stops."""

import asyncio
import signal
import socket
import sqlite3
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Client
from tests.support.processes import Program, main_settings, running, start_program
from tests.support.waiting import eventually

STOP_LIMIT_S = 5.0


def alone(**more: Any) -> dict[str, Any]:
    return main_settings(**{"main.local_node": False, **more})


async def refused(home: Path, settings: dict[str, Any]) -> str:
    """The one sentence with which Main does not start."""
    program = await start_program("main_server.py", home, settings)
    assert await program.wait() == 2, program.text
    assert "Traceback" not in program.text
    lines = program.text.strip().splitlines()
    assert len(lines) == 1, program.text
    return lines[0]


async def greeted(main: Program) -> None:
    """It serves a moment before it says so; the code, if any, comes with the address."""
    await eventually(lambda: f"open {main.url}\n" in main.text, what="the address")


async def test_it_says_where_it_is_and_the_code_until_somebody_signed_up(tmp_path: Path) -> None:
    settings = alone()
    async with running("main_server.py", tmp_path, settings) as main, Client(main.url) as client:
        await greeted(main)
        assert "needs this code: " in main.text
        await client.register()
    async with running("main_server.py", tmp_path, settings) as main:
        await greeted(main)
        assert "code" not in main.text


async def test_health_says_what_the_contract_says(tmp_path: Path) -> None:
    async with running("main_server.py", tmp_path, alone()) as main:
        body = await main.healthy()
    assert body["status"] == "ok"
    assert body["role"] == "main"
    assert body["nodes"] == {"online": 0, "total": 0}
    assert isinstance(body["uptime_s"], int | float)


async def test_what_it_writes_is_private_wherever_it_lies(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    settings = alone(**{"database.path": str(shared / "main.db"), "log.file": str(shared / "main.log")})
    async with running("main_server.py", tmp_path, settings) as main, Client(main.url) as client:
        await client.register()
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in shared.iterdir()}
    assert {"main.db", "main.db-wal", "main.db-shm", "main.db.lock", "main.log"} <= set(modes)
    assert set(modes.values()) == {0o600}


async def test_the_data_folder_is_made_private(tmp_path: Path) -> None:
    async with running("main_server.py", tmp_path, alone()):
        assert stat.S_IMODE((tmp_path / ".switchyard").stat().st_mode) == 0o700


async def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"Port {port} is in use" in await refused(tmp_path, alone(**{"server.port": port}))


async def test_a_second_start_is_one_sentence(tmp_path: Path) -> None:
    async with running("main_server.py", tmp_path, alone()) as main:
        sentence = await refused(tmp_path, alone())
        assert "in use by another process" in sentence
        assert f"pid {main.process.pid}" in sentence


async def test_a_data_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sentence = await refused(tmp_path, alone(**{"database.path": str(tmp_path / "file/main.db")}))
    assert "cannot be written" in sentence
    assert "database.path" in sentence


async def test_a_damaged_database_is_one_sentence_and_stays(tmp_path: Path) -> None:
    database = tmp_path / "main.db"
    database.write_bytes(b"not a database at all" * 1000)
    sentence = await refused(tmp_path, alone(**{"database.path": str(database)}))
    assert "damaged" in sentence
    assert database.read_bytes().startswith(b"not a database")


@pytest.mark.parametrize(
    ("pragma", "words"),
    [("application_id = 1398230607", "not to a Main"), ("user_version = 99", "newer Switchyard")],
)
async def test_a_database_of_a_node_or_of_the_future_is_one_sentence(tmp_path: Path, pragma: str, words: str) -> None:
    database = tmp_path / "main.db"
    settings = alone(**{"database.path": str(database)})
    async with running("main_server.py", tmp_path, settings):
        pass
    with sqlite3.connect(database) as connection:
        connection.execute(f"PRAGMA {pragma}")
    connection.close()
    assert words in await refused(tmp_path, settings)


@pytest.mark.parametrize(
    "secret", ["x" * 40, "changeme-changeme-changeme-changeme", "your-256-bit-secret-0123456789abc"]
)
async def test_a_secret_that_can_be_guessed_is_one_sentence(tmp_path: Path, secret: str) -> None:
    sentence = await refused(tmp_path, alone(**{"auth.jwt_secret": secret}))
    assert "auth.jwt_secret" in sentence
    assert secret not in sentence


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
async def test_it_stops_in_time_whatever_is_open(tmp_path: Path, by: signal.Signals) -> None:
    program = await start_program("main_server.py", tmp_path, alone())
    await program.healthy()
    async with Client(program.url) as client:
        await client.register()
        async with (
            client.socket() as socket_,
            client.http.get(f"{program.url}/api/ops/nodes.watch", headers=client.headers) as stream,
        ):
            await socket_.subscribe("nodes.watch")
            assert await stream.content.readline() == b"event: result\n"
            idle = await asyncio.open_connection("127.0.0.1", program.port)
            begun = time.monotonic()
            assert await program.stop(by) == 0
            assert time.monotonic() - begun < STOP_LIMIT_S
            idle[1].close()
            assert socket_.raw.close_code == 1001
    assert "Traceback" not in program.text
    assert "error" not in program.text


async def test_logins_outlive_a_kill(tmp_path: Path) -> None:
    settings = alone()
    first = await start_program("main_server.py", tmp_path, settings)
    await first.healthy()
    async with Client(first.url) as client:
        await client.register()
        await first.kill()
        async with running("main_server.py", tmp_path, settings):
            assert await client.op("nodes.list") == {"nodes": []}


async def test_secrets_stay_out_of_logs_and_process_lists(tmp_path: Path) -> None:
    settings = alone(**{"log.level": "debug"})
    async with running("main_server.py", tmp_path, settings) as main, Client(main.url) as client:
        await client.register(password="a very secret horse")
        join = await client.op("nodes.join")
        async with client.socket() as socket_:
            await socket_.call("nodes.list")
        with pytest.raises(Exception, match="401"):
            await client.post("/api/auth/login", {"username": "ada", "password": "a wrong secret horse"})
        assert client.token is not None
        secrets = [client.token, client.token.split(".")[2], join["register_token"], "secret horse"]
        command = Path(f"/proc/{main.process.pid}/cmdline").read_bytes().decode()
        await greeted(main)
        code = main.text.partition("this code: ")[2].split()[0]
    for secret in secrets:
        assert secret not in main.text
        assert secret not in command
    assert main.text.count(code) == 1
