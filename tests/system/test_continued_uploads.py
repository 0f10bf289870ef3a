"""Uploads that break off and go on from where they were, whole or not at all as ever."""

import asyncio
import io
import os
import random
import secrets
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.support.client import Client, OpError
from tests.support.installation import Installation
from tests.support.waiting import eventually
from tests.system.test_api_transfers import Answered, ask, folder, names, parsed, url
from tests.system.test_bad_transfers import node_pid, opened

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("continued uploads")]

__all__ = ["folder"]

CONTENT = os.urandom(6_000_000)
BROKEN_AT = 3_500_000


@pytest.fixture
def upload() -> str:
    """The id of a new one."""
    return secrets.token_hex(16)


async def put(
    whole: Installation, path: Path, body: Any, headers: dict[str, str] | None = None, **query: Any
) -> Answered:
    """On a connection of its own: on one that was used before, aiohttp sends a PUT that is cut again."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http,
        http.put(
            url(whole),
            params={"path": str(path), **{name: str(value) for name, value in query.items()}},
            data=io.BytesIO(body) if isinstance(body, bytes) else body,
            headers={**whole.client.headers, **(headers or {})},
        ) as answer,
    ):
        return Answered(answer, await answer.read())


async def partial(whole: Installation, path: Path, upload: str, **more: Any) -> dict[str, Any]:
    return await whole.op("files.partial", path=str(path), upload=upload, **more)


@pytest_asyncio.fixture(loop_scope="module")
async def begin(whole: Installation, folder: Path) -> AsyncIterator[Callable[..., Any]]:
    """Sends the first BROKEN_AT bytes of an announced upload and then nothing; the task is the client's."""
    tasks: list[asyncio.Task[Answered]] = []

    async def start(path: Path, upload: str, headers: dict[str, str] | None = None) -> asyncio.Task[Answered]:
        async def body() -> AsyncIterator[bytes]:
            yield CONTENT[:BROKEN_AT]
            await asyncio.Event().wait()

        given = {"Content-Length": str(len(CONTENT)), **(headers or {})}
        sending = put(whole, path, body(), given, upload=upload)
        tasks.append(asyncio.get_running_loop().create_task(sending, name="upload"))
        node = node_pid(whole)

        def has_come() -> bool:
            return any(size >= 2 << 20 for size in sizes(node, folder))

        await eventually(has_come, what="the first part at the node")
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def sizes(pid: int, folder: Path) -> list[int]:
    """Of the files that the process has open below the folder."""
    found = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if str(each.readlink()).startswith(f"{folder}/"):
                found.append(each.stat().st_size)
        except FileNotFoundError:  # closed since
            continue
    return found


async def test_it_goes_on_from_where_it_broke(whole: Installation, folder: Path, begin: Any, upload: str) -> None:
    path = folder / "a.bin"
    for old in (None, b"old"):
        if old is not None:
            path.write_bytes(old)
        sending = await begin(path, upload)
        sending.cancel()
        there = await partial(whole, path, upload)
        assert 2 << 20 <= there["size"] <= BROKEN_AT
        assert "etag" not in there
        assert names(folder) == ([] if old is None else ["a.bin"])
        done = await put(whole, path, CONTENT[there["size"] :], upload=upload, offset=there["size"])
        assert done.status == (201 if old is None else 200)
        assert parsed(done.body)["size"] == len(CONTENT)
        assert path.read_bytes() == CONTENT
        assert (await ask(whole, "HEAD", path)).headers["ETag"] == done.headers["ETag"]
        assert names(folder) == ["a.bin"]
        # Whoever did not get the answer learns that it is there.
        again = await partial(whole, path, upload)
        assert (again["size"], again["etag"]) == (len(CONTENT), parsed(done.body)["etag"])
    await eventually(lambda: not opened(node_pid(whole), folder), what="its end")


async def test_however_often_it_breaks_the_file_is_the_same(whole: Installation, folder: Path, upload: str) -> None:
    path, offset, furthest, breaks = folder / "a.bin", 0, 0, 0
    places = random.Random(8)
    while breaks < 12 or not furthest:  # what was on its way when it broke may be lost, all of it too
        reached = min(len(CONTENT), offset + places.choice((1, 5000, 300_000, 1_100_000)))

        async def body(start: int = offset, end: int = reached) -> AsyncIterator[bytes]:
            yield CONTENT[start:end]
            raise ConnectionError("the network is gone")

        sending = put(whole, path, body(), {"Content-Length": str(len(CONTENT) - offset)}, upload=upload, offset=offset)
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await sending
        breaks += 1
        # A request that was cut may reach the node after the question: it may have less then, or more.
        offset = (await partial(whole, path, upload))["size"]
        furthest = max(furthest, offset)
    while (done := await put(whole, path, CONTENT[offset:], upload=upload, offset=offset)).status in (409, 503):
        offset = (await partial(whole, path, upload))["size"]
    assert (done.status, path.read_bytes() == CONTENT) == (201, True)


async def is_cut(sending: asyncio.Task[Answered]) -> bool:
    """Whether it ended as one whose machine has gone: with 503, or in the midst of what it sent."""
    try:
        return (await asyncio.wait_for(sending, 5)).status == 503
    except aiohttp.ClientError:
        return True


async def test_what_hangs_is_cut_by_the_one_that_asks(
    whole: Installation, folder: Path, begin: Any, upload: str
) -> None:
    sending = await begin(folder / "a.bin", upload)
    async with asyncio.timeout(5):
        there = await partial(whole, folder / "a.bin", upload)
    assert await is_cut(sending)
    assert 2 << 20 <= there["size"] <= BROKEN_AT
    await partial(whole, folder / "a.bin", upload, discard=True)
    await eventually(lambda: not opened(node_pid(whole), folder), what="the end of the first", deadline_s=5)
    second = await begin(folder / "a.bin", upload)
    done = await put(whole, folder / "a.bin", CONTENT, upload=upload)
    assert (done.status, (folder / "a.bin").read_bytes() == CONTENT) == (201, True)
    assert await is_cut(second)


async def test_what_is_discarded_is_gone(whole: Installation, folder: Path, begin: Any, upload: str) -> None:
    await begin(folder / "a.bin", upload)
    assert await partial(whole, folder / "a.bin", upload, discard=True) == {"size": 0}
    await eventually(lambda: not opened(node_pid(whole), folder), what="its end", deadline_s=5)
    assert await partial(whole, folder / "a.bin", upload) == {"size": 0}
    assert names(folder) == []


async def test_the_conditions_are_those_of_the_end(whole: Installation, folder: Path, begin: Any, upload: str) -> None:
    path = folder / "a.bin"
    path.write_bytes(b"old")
    tag = str((await whole.op("files.stat", path=str(path)))["etag"])
    (await begin(path, upload, {"If-Match": tag})).cancel()
    there = (await partial(whole, path, upload))["size"]
    path.write_bytes(b"another's")
    refused = await put(whole, path, CONTENT[there:], {"If-Match": tag}, upload=upload, offset=there)
    assert (refused.status, refused.code) == (412, "precondition_failed")
    assert path.read_bytes() == b"another's"
    assert names(folder) == ["a.bin"]


async def test_a_wrong_offset_changes_nothing(whole: Installation, folder: Path, begin: Any, upload: str) -> None:
    path = folder / "a.bin"
    (await begin(path, upload)).cancel()
    there = (await partial(whole, path, upload))["size"]
    for query, status in (
        ({"upload": upload, "offset": there - 1}, 409),
        ({"upload": upload, "offset": 10**17}, 409),
        ({"upload": upload[::-1], "offset": there}, 409),
        ({"upload": upload, "offset": "-1"}, 400),
        ({"upload": upload, "offset": "x"}, 400),
        ({"upload": "short", "offset": 0}, 400),
        ({"offset": there}, 400),
    ):
        refused = await put(whole, path, b"evil", **query)
        assert refused.status == status, (query, refused.body)
    assert (await put(whole, folder / "b.bin", b"evil", upload=upload, offset=there)).status == 409
    assert names(folder) == []
    assert (await partial(whole, path, upload))["size"] == there
    with pytest.raises(OpError):
        await partial(whole, path, "short")


async def test_it_belongs_to_who_began_it(whole: Installation, folder: Path, begin: Any, upload: str) -> None:
    path = folder / "a.bin"
    (await begin(path, upload)).cancel()
    there = (await partial(whole, path, upload))["size"]
    await whole.client.op("users.create", username="bob", password="correct horse", role="owner")
    async with Client(whole.url) as bob:
        await bob.login("bob")
        assert await bob.op("files.partial", node=whole.node, path=str(path), upload=upload, discard=True) == {
            "size": 0
        }
    assert (await partial(whole, path, upload))["size"] == there


async def test_a_node_that_is_killed_leaves_nothing_of_it(
    whole: Installation, folder: Path, begin: Any, upload: str
) -> None:
    (await begin(folder / "a.bin", upload)).cancel()
    os.kill(node_pid(whole), signal.SIGKILL)

    async def asked() -> dict[str, Any] | None:
        try:
            return await partial(whole, folder / "a.bin", upload)
        except OpError:
            return None

    assert await eventually(asked, what="the node's next start", deadline_s=30) == {"size": 0}
    assert names(folder) == []
    done = await put(whole, folder / "a.bin", CONTENT, upload=upload)
    assert (done.status, (folder / "a.bin").read_bytes() == CONTENT) == (201, True)
