"""Transfers when something breaks: a full disk, a node that is killed, a client that is slow or gone."""

import asyncio
import contextlib
import io
import os
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from yarl import URL

from tests.support.client import Client, OpError
from tests.support.disk import small_disk
from tests.support.installation import Installation, installed, scripted
from tests.support.processes import main_settings, node_settings, running, start_program
from tests.support.waiting import eventually


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path / "home") as installation:
        yield installation


def content(whole: Installation, path: Path) -> dict[str, Any]:
    return {
        "url": f"{whole.url}/api/nodes/{whole.node}/files/content",
        "params": {"path": str(path)},
        "headers": whole.client.headers,
    }


def node_pid(whole: Installation) -> int:
    children = psutil.Process(whole.main.process.pid).children()
    return next(each.pid for each in children if "app.py" in " ".join(each.cmdline()))


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def opened(pid: int, folder: Path) -> list[str]:
    """What the process has open below the folder."""
    found = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since
            found.append(str(each.readlink()))
    return [path for path in found if path.startswith(str(folder))]


class Gate:
    """A body that sends one piece and waits until it is opened for the rest."""

    def __init__(self, piece: bytes) -> None:
        self.piece = piece
        self.sent = asyncio.Event()
        self.open = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.piece
        self.sent.set()
        await self.open.wait()
        yield self.piece


async def test_a_disk_that_fills_up_keeps_the_old_file(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        settings = {**scripted(tmp_path / "home"), "filesystem.roots": [str(disk.folder)]}
        async with installed(tmp_path / "home", settings) as whole:
            target = disk.folder / "a"
            target.write_text("old")
            if not disk.is_mounted:
                disk.fill(node_pid(whole))
            async with whole.client.http.put(data=io.BytesIO(bytes(20 << 20)), **content(whole, target)) as answer:
                assert answer.status == 409
                assert "full" in (await answer.json(content_type=None))["detail"]

            async def unannounced() -> AsyncIterator[bytes]:
                for _ in range(20):
                    yield bytes(1 << 20)

            try:
                async with whole.client.http.put(data=unannounced(), **content(whole, target)) as answer:
                    assert answer.status == 409
            except aiohttp.ClientError:
                pass  # still sending when it was refused
            assert target.read_text() == "old"
            assert [name for name in names(disk.folder) if name != "ballast"] == ["a"]
            async with whole.client.http.put(data=b"new", **content(whole, target)) as answer:
                assert answer.status == (200 if disk.is_mounted else 409)


async def test_a_node_that_is_killed_leaves_the_old_file_and_nothing_beside_it(whole: Installation) -> None:
    (whole.work / "a").write_text("old")
    (whole.work / "big").write_bytes(bytes(64 << 20))
    gate = Gate(bytes(1 << 20))

    async def upload() -> int:
        async with whole.client.http.put(data=gate.__aiter__(), **content(whole, whole.work / "a")) as answer:
            return answer.status

    uploading = asyncio.get_running_loop().create_task(upload(), name="upload")
    await asyncio.wait_for(gate.sent.wait(), 20)
    async with whole.client.http.get(**content(whole, whole.work / "big")) as answer:
        await answer.content.readexactly(1000)
        os.kill(node_pid(whole), signal.SIGKILL)
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
    with contextlib.suppress(aiohttp.ClientError):  # cut while it sent
        assert await asyncio.wait_for(uploading, 20) == 503
    assert (whole.work / "a").read_text() == "old"
    assert names(whole.work) == ["a", "big"]
    await whole.client.online_node()
    async with whole.client.http.put(data=b"new", **content(whole, whole.work / "a")) as answer:
        assert answer.status == 200
    assert (whole.work / "a").read_text() == "new"
    assert names(whole.work) == ["a", "big"]


async def test_main_that_is_killed_cuts_what_runs_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    token = "a-register-token-of-the-tests"
    settings = main_settings(**{"main.local_node": False, "main.node_register_tokens": [token]})
    main = await start_program("main_server.py", tmp_path / "main", settings)
    await main.healthy()
    async with Client(main.url) as client:
        await client.register()
        laptop = {**scripted(tmp_path / "home"), "node.id": "laptop"}
        async with running("app.py", tmp_path / "home", node_settings(main, token, **laptop)) as node:
            whole = Installation(main, client, tmp_path / "home", await client.online_node("laptop"))
            (whole.work / "a").write_text("old")
            (whole.work / "big").write_bytes(bytes(64 << 20))
            gate = Gate(bytes(3 << 20))

            async def upload() -> None:
                async with client.http.put(data=gate.__aiter__(), **content(whole, whole.work / "a")):
                    pass

            uploading = asyncio.get_running_loop().create_task(upload(), name="upload")
            await asyncio.wait_for(gate.sent.wait(), 20)
            async with client.http.get(**content(whole, whole.work / "big")) as answer:
                await answer.content.readexactly(1000)
                assert await eventually(lambda: len(opened(node.process.pid, whole.work)) == 3, what="both")
                await main.kill()
                with pytest.raises(aiohttp.ClientPayloadError):
                    await answer.read()
            with pytest.raises(aiohttp.ClientError):
                await uploading
            await eventually(lambda: not opened(node.process.pid, whole.work), what="their end", deadline_s=5)
            assert (whole.work / "a").read_text() == "old"
            assert names(whole.work) == ["a", "big"]


async def test_a_client_that_does_not_read_holds_nobody_else_up_and_little_memory(whole: Installation) -> None:
    with (whole.work / "big").open("wb") as file:
        file.truncate(512 << 20)
    main, node = psutil.Process(whole.main.process.pid), psutil.Process(node_pid(whole))
    before = main.memory_info().rss + node.memory_info().rss
    held = [await whole.client.http.get(**content(whole, whole.work / "big")) for _ in range(8)]
    for each in held:
        await each.content.readexactly(1 << 20)
    async with whole.client.http.put(data=io.BytesIO(bytes(8 << 20)), **content(whole, whole.work / "up")) as answer:
        assert answer.status == 201
    assert (await whole.op("files.stat", path=str(whole.work / "up")))["size"] == 8 << 20
    assert main.memory_info().rss + node.memory_info().rss - before < 64 << 20
    for each in held:
        each.close()


async def test_an_upload_whose_client_is_gone_is_forgotten_by_the_node(whole: Installation) -> None:
    (whole.work / "a").write_text("old")
    gate = Gate(bytes(3 << 20))

    async def upload() -> None:
        async with whole.client.http.put(data=gate.__aiter__(), **content(whole, whole.work / "a")):
            pass

    uploading = asyncio.get_running_loop().create_task(upload(), name="upload")
    await asyncio.wait_for(gate.sent.wait(), 20)
    node = node_pid(whole)
    assert await eventually(lambda: opened(node, whole.work), what="the open upload")
    uploading.cancel()
    await eventually(lambda: not opened(node, whole.work), what="its end", deadline_s=5)
    assert names(whole.work) == ["a"]
    assert (whole.work / "a").read_text() == "old"


async def test_the_address_of_a_binary_is_right_below_a_sub_path(tmp_path: Path) -> None:
    settings = {**scripted(tmp_path / "home"), "server.base_path": "/switch"}
    home = tmp_path / "home"
    async with (
        running("main_server.py", home, main_settings(**settings)) as main,
        Client(f"{main.url}/switch") as client,
    ):
        await client.register()
        node = await client.online_node()
        file = tmp_path / "home" / "odd name\xff.bin"
        file.write_bytes(b"\0\xff")
        with pytest.raises(OpError) as refused:
            await client.op("files.read", node=node, path=str(file))
        address = re.search(r"GET (\S+) ", refused.value.problem["detail"])
        assert address is not None
        async with client.http.get(URL(main.url + address[1], encoded=True), headers=client.headers) as answer:
            assert await answer.read() == b"\0\xff"
