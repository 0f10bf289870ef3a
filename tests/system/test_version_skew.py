"""One side of a link is updated before the other: Main first, or the node first. The other side is a real build of the
version before.
"""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.client import Client, OpError
from tests.support.frozen import unpack
from tests.support.installation import Installation, scripted
from tests.support.processes import Program, main_settings, node_settings, start_program
from tests.support.reader import reading
from tests.support.waiting import eventually
from ws.protocol import MIN_PROTOCOL_VERSION, PROTOCOL_VERSION

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("version skew"),
    pytest.mark.timeout(120),
]

EARLIER = range(MIN_PROTOCOL_VERSION, PROTOCOL_VERSION)


@pytest.fixture(scope="module", params=EARLIER)
def version(request: pytest.FixtureRequest) -> int:
    """One that is still spoken."""
    return int(request.param)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def earlier(version: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of that version."""
    return unpack(version, tmp_path_factory.mktemp("earlier"))


async def _refusal_of_what_is_new(whole: Installation, session: str, version: int) -> OpError:
    """Of the first operation that came after this version."""
    new: tuple[str, dict[str, str]] = (
        ("files.mkdir", {"path": str(whole.work / "new")})
        if version == 1
        else ("session.stop_task", {"session": session, "task": "t"})
    )
    with pytest.raises(OpError) as refused:
        await whole.op(new[0], **new[1])
    return refused.value


@contextlib.asynccontextmanager
async def linked(folder: Path, main: str, node: str) -> AsyncIterator[tuple[Installation, Program]]:
    """Main and a node, each by the path of its program, and the node online."""
    settings = main_settings(**{"main.local_node": False})
    one = await start_program(main, folder / "main", settings)
    other: Program | None = None
    try:
        await one.healthy()
        async with Client(one.url) as client:
            await client.register()
            token = str((await client.op("nodes.join"))["register_token"])
            given = node_settings(one, token, **scripted(folder / "node"), **{"node.id": "skewed"})
            other = await start_program(node, folder / "node", given)
            await client.online_node("skewed")
            yield Installation(one, client, folder / "node", "skewed"), other
    finally:
        if other is not None:
            await other.stop()
        await one.stop()


async def _does_its_work(whole: Installation) -> str:
    """The session in which it was done. What people do all day: a turn with the agent, a file, a terminal."""
    session = (await whole.session())["id"]
    played = await whole.play(session, "hello")
    assert played[-1]["stop_reason"] == "end_turn"
    path = str(whole.work / "note.txt")
    await whole.op("files.write", path=path, content="kept\n", create=True)
    assert (await whole.op("files.read", path=path))["content"] == "kept\n"
    terminal = (await whole.op("terminal.open", path=str(whole.work), cols=80, rows=24, command=["cat"]))["terminal"]
    async with reading(whole.client, whole.node, terminal) as reader:
        await reader.type("echoed\n")
        await reader.until_text(b"echoed", times=2)
    return str(session)


async def _node(whole: Installation) -> dict[str, Any]:
    return next(each for each in (await whole.client.op("nodes.list"))["nodes"] if each["id"] == whole.node)


async def test_a_newer_main_works_with_the_node_of_before(earlier: Path, version: int, tmp_path: Path) -> None:
    async with linked(tmp_path, "main_server.py", str(earlier / "app.py")) as (whole, _):
        session = await _does_its_work(whole)
        assert (await _node(whole))["protocol"] == version
        refused = await _refusal_of_what_is_new(whole, session, version)
        assert refused.code == "unsupported"
        assert "update Switchyard there" in refused.problem["detail"]


async def test_a_newer_node_works_with_the_main_of_before(earlier: Path, version: int, tmp_path: Path) -> None:
    async with linked(tmp_path, str(earlier / "main_server.py"), "app.py") as (whole, node):
        session = await _does_its_work(whole)
        refused = await _refusal_of_what_is_new(whole, session, version)
        assert refused.code == "not_found", "that Main does not know the operation"
        health = await eventually(node.health, what="the node's health")
        assert health["link"] == "online"


@pytest.mark.parametrize(
    ("protocol", "side"),
    [(MIN_PROTOCOL_VERSION - 1, "update Switchyard on the node"), (PROTOCOL_VERSION + 1, "update Switchyard on Main")],
    ids=["an older node", "a newer node"],
)
async def test_versions_that_share_nothing_are_told_which_side_to_update(
    whole: Installation, protocol: int, side: str
) -> None:
    token = (await whole.client.op("nodes.join"))["register_token"]
    headers = {
        "Authorization": f"Bearer {token}",
        "Switchyard-Node": "skewed",
        "Switchyard-Protocol": str(protocol),
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    async with whole.client.http.get(f"{whole.url}/ws/node", headers=headers) as answer:
        assert answer.status == 426
        assert answer.headers["Switchyard-Protocol"] == str(PROTOCOL_VERSION)
        assert side in (await answer.json(content_type=None))["detail"]
