"""files.mkdir, move, copy, delete, restore and the subscriptions of files, through Main and a node."""

import base64
import os
from pathlib import Path

import pytest

from tests.support.client import OpError
from tests.support.installation import Installation

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("api file acts")]


@pytest.fixture
def folder(whole: Installation, request: pytest.FixtureRequest) -> Path:
    made = whole.work / str(request.node.name)[:60]
    made.mkdir()
    return made


async def test_a_file_goes_through_every_act_and_comes_back_from_the_trash(whole: Installation, folder: Path) -> None:
    made = await whole.op("files.mkdir", path=f"{folder}/a/b", parents=True)
    assert made == {"path": f"{folder}/a/b"}
    (folder / "f").write_text("x")
    assert await whole.op("files.move", path=f"{folder}/f", to=f"{folder}/a/b/g") == {"path": f"{folder}/a/b/g"}
    await whole.op("files.copy", path=f"{folder}/a", to=f"{folder}/c")
    deleted = await whole.op("files.delete", path=f"{folder}/a")
    assert (whole.home / ".local/share/Trash/files/a/b/g").read_text() == "x", "where the desktop looks too"
    assert not (folder / "a").exists()
    assert await whole.op("files.restore", trash=deleted["trash"]) == {"path": f"{folder}/a"}
    assert await whole.op("files.delete", path=f"{folder}/a", permanent=True) == {}
    assert (folder / "c/b/g").read_text() == "x"
    with pytest.raises(OpError) as refused:
        await whole.op("files.move", path=f"{folder}/c")
    assert (refused.value.code, refused.value.status) == ("invalid", 400)
    assert "to" in refused.value.problem["detail"]


async def test_a_name_that_is_not_utf8_is_reached_by_its_bytes(whole: Installation, folder: Path) -> None:
    raw = os.fsencode(folder) + b"/gr\xfcn"
    Path(os.fsdecode(raw)).write_text("x")
    (entry,) = (await whole.op("files.list", path=str(folder)))["entries"]
    assert base64.b64decode(entry["name_bytes"]) == b"gr\xfcn"
    path = base64.b64encode(raw).decode()
    assert (await whole.op("files.read", path_bytes=path))["content"] == "x"
    await whole.op("files.move", path_bytes=path, to=f"{folder}/plain")
    assert (folder / "plain").read_text() == "x"


async def test_searches_and_watches_are_streamed(whole: Installation, folder: Path) -> None:
    (folder / "src").mkdir()
    (folder / "src/needle.txt").write_text("a needle\n")
    async with whole.client.socket() as socket:
        where = {"node": whole.node, "path": str(folder)}
        grep = await socket.subscribe("files.grep", {**where, "query": "needle"})
        matched, done = await grep.until("done")
        assert matched == {
            "type": "matched",
            "path": "src/needle.txt",
            "lines": [{"line": 1, "text": "a needle", "spans": [[2, 8]]}],
        }
        assert done == {"type": "done", "found": 1, "truncated": False}
        find = await socket.subscribe("files.find", {**where, "query": "srcneed"})
        (found, _) = await find.until("done")
        assert found["entries"] == [{"path": "src/needle.txt", "type": "file"}]
        with pytest.raises(OpError, match="cannot be searched"):
            await socket.subscribe("files.grep", {**where, "query": "(", "regex": True})
        watch = await socket.subscribe("files.watch", where)
        (folder / "new").touch()
        assert await watch.next() == {"type": "changed", "changes": [{"path": "new", "kind": "added"}]}
        await watch.close()
