"""What a viewer may do: look, whatever is shared with them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.support.client import Client, OpError
from tests.support.installation import Installation
from tests.support.main_app import PASSWORD
from tests.support.reader import reading

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("api roles")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def viewer(whole: Installation) -> AsyncIterator[Client]:
    shared = [{"node": "*", "role": "member"}]
    await whole.client.op("users.create", username="vera", password=PASSWORD, role="viewer", grants=shared)
    async with Client(whole.url) as client:
        await client.login("vera", PASSWORD)
        yield client


async def test_a_viewer_reads_and_does_not_act(whole: Installation, viewer: Client) -> None:
    session = (await whole.session())["id"]
    work = str(whole.work)
    reads: dict[str, dict[str, Any]] = {
        "files.list": {"path": work},
        "session.get": {"session": session},
        "session.events": {"session": session},
        "projects.list": {},
        "terminal.list": {},
    }
    for op, params in reads.items():
        assert await viewer.op(op, node=whole.node, **params)
    acts: dict[str, dict[str, Any]] = {
        "files.write": {"path": f"{work}/x", "content": "", "create": True},
        "terminal.open": {"path": work, "cols": 80, "rows": 24},
        "session.create": {"path": work, "provider": "scripted"},
        "session.send": {"session": session, "message_id": "v", "text": "hello"},
        "session.interrupt": {"session": session},
        "session.delete": {"session": session},
        "nodes.rename": {"name": "Mine"},
        "nodes.remove": {},
    }
    async with viewer.socket() as socket:
        for op, params in acts.items():
            given = {"node": whole.node, **params}
            for call in (viewer.op(op, **given), socket.call(op, given)):
                with pytest.raises(OpError) as refused:
                    await call
                assert refused.value.code == "forbidden", op
        for op in ("nodes.join", "audit.list"):
            with pytest.raises(OpError) as refused:
                await socket.call(op)
            assert refused.value.code == "forbidden"
    assert not (whole.work / "x").exists()


async def test_what_a_viewer_may_not_do_is_said_before_its_params_are_read(whole: Installation, viewer: Client) -> None:
    for path in ("/api/ops/audit.list?limit=many", "/api/ops/nodes.join?x=1"):
        with pytest.raises(OpError) as refused:
            await viewer.get(path)
        assert refused.value.code == "forbidden"
    with pytest.raises(OpError) as refused:
        await viewer.op("files.write", nonsense=True)
    assert refused.value.code == "forbidden"


async def test_a_viewer_sees_a_terminal_and_cannot_type_or_resize(whole: Installation, viewer: Client) -> None:
    opened = await whole.op("terminal.open", path=str(whole.work), cols=80, rows=24, command=["cat"])
    terminal = opened["terminal"]
    async with (
        reading(viewer, whole.node, terminal) as watcher,
        reading(whole.client, whole.node, terminal) as typist,
    ):
        await watcher.type("from the viewer\r")
        await watcher.send(type="resize", cols=50, rows=10)
        await watcher.acknowledge()
        await typist.type("from the owner\r")
        await typist.until_text(b"from the owner", times=2)
        assert b"from the owner" in await watcher.until_text(b"from the owner", times=2)
        assert b"viewer" not in typist.output
    async with reading(whole.client, whole.node, terminal) as reader:
        assert (reader.attached["cols"], reader.attached["rows"]) == (80, 24)
    await whole.op("terminal.close", terminal=terminal)
