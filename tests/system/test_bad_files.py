"""Files that vanish, turn into something else or lead out of the roots between a look and the next act."""

from pathlib import Path

import pytest

from tests.support.client import OpError
from tests.support.installation import Installation

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("bad files")]


@pytest.fixture
def folder(whole: Installation, tmp_path: Path) -> Path:
    made = whole.work / tmp_path.name
    made.mkdir()
    return made


async def refused(whole: Installation, op: str, path: Path, **params: object) -> OpError:
    with pytest.raises(OpError) as error:
        await whole.op(op, path=str(path), **params)
    assert error.value.problem["detail"].endswith("."), error.value.problem
    assert "\n" not in error.value.problem["detail"]
    return error.value


async def test_a_file_that_vanished_after_it_was_listed_is_not_found(whole: Installation, folder: Path) -> None:
    (folder / "gone.txt").write_text("soon gone")
    (entry,) = (await whole.op("files.list", path=str(folder)))["entries"]
    (folder / "gone.txt").unlink()
    for op in ("files.read", "files.stat"):
        error = await refused(whole, op, folder / entry["name"])
        assert error.code == "not_found"
        assert "gone.txt" in error.problem["detail"]
    error = await refused(whole, "files.write", folder / "gone.txt", content="back")
    assert error.code == "not_found"
    assert "`create`" in error.problem["detail"], "what makes it"
    assert not (folder / "gone.txt").exists()


async def test_a_folder_that_vanished_is_not_found_for_every_room(whole: Installation, folder: Path) -> None:
    folder.rmdir()
    assert (await refused(whole, "files.list", folder)).code == "not_found"
    assert (await refused(whole, "git.status", folder)).code == "not_found"
    assert (await refused(whole, "terminal.open", folder, cols=80, rows=24)).code == "not_found"
    assert (await refused(whole, "session.create", folder, provider="scripted")).code == "not_found"


async def test_a_folder_in_the_place_of_a_file_is_named(whole: Installation, folder: Path) -> None:
    (folder / "thing").mkdir()
    for op, more in (("files.read", {}), ("files.write", {"content": "x"})):
        error = await refused(whole, op, folder / "thing", **more)
        assert error.code in {"conflict", "invalid", "unsupported"}, error.problem
        assert "folder" in error.problem["detail"]
    (folder / "file").touch()
    error = await refused(whole, "files.list", folder / "file")
    assert "folder" in error.problem["detail"], error.problem


async def test_a_link_that_was_turned_out_of_the_roots_is_forbidden(whole: Installation, folder: Path) -> None:
    (folder / "inside.txt").write_text("mine")
    link = folder / "link.txt"
    link.symlink_to(folder / "inside.txt")
    assert (await whole.op("files.read", path=str(link)))["content"] == "mine"
    link.unlink()
    link.symlink_to("/etc/hostname")
    for op, more in (("files.read", {}), ("files.write", {"content": "taken"}), ("files.list", {})):
        error = await refused(whole, op, link, **more)
        assert (error.status, error.code) == (403, "forbidden")
        assert "filesystem.roots" in error.problem["detail"], "the remedy"
    assert Path("/etc/hostname").read_text() != "taken"
