"""The node of Main's own machine: started, kept, adopted, stopped."""

import asyncio
import json
import os
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from main.process import is_alive
from tests.support.client import Client
from tests.support.processes import Program, main_settings, running
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(120)


def record(home: Path) -> dict[str, Any]:
    """What Main noted of its node."""
    with sqlite3.connect(f"file:{home}/.switchyard/main.db?mode=ro", uri=True) as connection:
        row = connection.execute("SELECT value FROM settings WHERE key = 'local_node'").fetchone()
    connection.close()
    return dict(json.loads(row[0])) if row else {}


async def lives(noted: dict[str, Any]) -> bool:
    return await asyncio.to_thread(is_alive, noted["pid"], noted["started"])


async def with_node_online(program: Program, client: Client) -> str:
    await program.healthy()
    if client.token is None:
        await client.register()
    return await client.online_node()


async def test_it_comes_online_by_itself_and_stops_with_main(tmp_path: Path) -> None:
    async with running("main_server.py", tmp_path, main_settings()) as program, Client(program.url) as client:
        node = await with_node_online(program, client)
        listed = (await client.op("nodes.list"))["nodes"]
        assert [(each["id"], each["is_local"]) for each in listed] == [(node, True)]
        assert (await client.op("files.list", node=node, path=str(tmp_path)))["path"] == str(tmp_path)
        noted = record(tmp_path)
        begun = time.monotonic()
        assert await program.stop(signal.SIGINT) == 0
        assert time.monotonic() - begun < 5
    assert not await lives(noted)
    assert record(tmp_path) == {}


async def test_main_is_not_told_twice_when_the_node_dies(tmp_path: Path) -> None:
    async with running("main_server.py", tmp_path, main_settings()) as program, Client(program.url) as client:
        node = await with_node_online(program, client)
        first = record(tmp_path)
        os.kill(first["pid"], signal.SIGKILL)
        second = await eventually(
            lambda: noted if (noted := record(tmp_path)) and noted["pid"] != first["pid"] else None,
            what="another node process",
        )
        assert await client.online_node(node) == node
        assert await lives(second)
        assert len((await client.op("nodes.list"))["nodes"]) == 1


async def test_the_node_of_a_killed_main_lives_on_and_is_adopted(tmp_path: Path) -> None:
    settings = main_settings()
    async with running("main_server.py", tmp_path, settings) as first, Client(first.url) as client:
        node = await with_node_online(first, client)
        noted = record(tmp_path)
        await first.kill()
        assert await lives(noted)
        async with running("main_server.py", tmp_path, settings):
            assert await client.online_node(node) == node
            assert record(tmp_path) == noted
    assert not await lives(noted)


async def test_the_environment_reaches_the_node_less_mains_secrets(tmp_path: Path) -> None:
    environ = {
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9/",
        "SWITCHYARD_AUTH_JWT_SECRET": "q8Zr-93hfA_kkpW0vB2xxT7uN5mLs1Qd",
    }
    async with running("main_server.py", tmp_path, main_settings(), environ) as program, Client(program.url) as client:
        await with_node_online(program, client)
        pid = record(tmp_path)["pid"]
        child = Path(f"/proc/{pid}/environ").read_bytes().decode()
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    assert "ANTHROPIC_BASE_URL=http://127.0.0.1:9/" in child
    assert "SWITCHYARD_AUTH" not in child
    assert "token" not in command.replace("--token-fd=", "")


async def test_it_cannot_be_removed_while_it_is_configured(tmp_path: Path) -> None:
    async with running("main_server.py", tmp_path, main_settings()) as program, Client(program.url) as client:
        node = await with_node_online(program, client)
        with pytest.raises(Exception, match=r"main\.local_node"):
            await client.op("nodes.remove", node=node)


async def test_a_terminal_of_it_answers_through_main(tmp_path: Path) -> None:
    async with running("main_server.py", tmp_path, main_settings()) as program, Client(program.url) as client:
        node = await with_node_online(program, client)
        opened = await client.op("terminal.open", node=node, path=str(tmp_path), cols=80, rows=24, command=["cat"])
        path = f"{program.url}/ws/terminal?node={node}&terminal={opened['terminal']}"
        async with client.http.ws_connect(path, headers=client.headers) as socket:
            attached = await socket.receive_json(timeout=10)
            assert attached["type"] == "attached"
            assert attached["may_type"] is True
            await socket.send_bytes(b"switchyard\r")
            seen = b""
            async with asyncio.timeout(10):
                while seen.count(b"switchyard") < 2:
                    seen += await socket.receive_bytes()
            await client.post("/api/auth/logout", {})
            async with asyncio.timeout(1):
                fault, closed = await socket.receive_json(), await socket.receive()
            assert fault["code"] == "unauthorized"
            assert closed.data == 4401
