"""files.* as the contract has them, through Main and a node."""

import base64
from pathlib import Path

import pytest

from tests.support.client import OpError
from tests.support.installation import Installation

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("api files")]


@pytest.fixture
def folder(whole: Installation, request: pytest.FixtureRequest) -> Path:
    made = whole.work / str(request.node.name)[:60]
    made.mkdir()
    return made


async def test_a_listing_has_exactly_these_members(whole: Installation, folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "a.txt").write_text("five\n")
    (folder / "a.txt").chmod(0o640)
    (folder / "link").symlink_to("a.txt")
    listed = await whole.op("files.list", path=str(folder))
    assert {"path", "parent", "entries"} <= set(listed)
    assert listed["path"] == str(folder)
    assert listed["parent"] == str(folder.parent)
    assert "next_cursor" not in listed
    by_name = {entry["name"]: entry for entry in listed["entries"]}
    assert {name: entry["type"] for name, entry in by_name.items()} == {
        "sub": "directory",
        "a.txt": "file",
        "link": "symlink",
    }
    for entry in by_name.values():
        assert {"name", "type", "size", "modified", "mode"} <= set(entry)
        assert entry["modified"].endswith("Z")
    assert by_name["a.txt"]["size"] == 5
    assert by_name["a.txt"]["mode"] == "0640"
    assert by_name["link"]["target"] == "a.txt"


async def test_directories_come_first_and_numbers_in_their_natural_order(whole: Installation, folder: Path) -> None:
    for name in ("file10", "file9", "file1"):
        (folder / name).touch()
    for name in ("z10", "z2"):
        (folder / name).mkdir()
    listed = await whole.op("files.list", path=str(folder))
    assert [entry["name"] for entry in listed["entries"]] == ["z2", "z10", "file1", "file9", "file10"]


async def test_hidden_names_are_shown_unless_told_otherwise(whole: Installation, folder: Path) -> None:
    (folder / ".env").touch()
    assert [each["name"] for each in (await whole.op("files.list", path=str(folder)))["entries"]] == [".env"]
    assert (await whole.op("files.list", path=str(folder), hidden=False))["entries"] == []


async def test_pages_cover_the_folder_once(whole: Installation, folder: Path) -> None:
    for number in range(25):
        (folder / f"f{number}").touch()
    names: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(3):
        page = await whole.op("files.list", path=str(folder), limit=10, **cursor)
        names += [entry["name"] for entry in page["entries"]]
        cursor = {"cursor": page["next_cursor"]} if "next_cursor" in page else {}
    assert names == [f"f{number}" for number in range(25)]
    assert cursor == {}


@pytest.mark.parametrize("limit", [0, -1, 1001, "10", 1.5, None, True])
async def test_a_limit_is_a_number_within_its_bounds(whole: Installation, folder: Path, limit: object) -> None:
    with pytest.raises(OpError) as refused:
        await whole.op("files.list", path=str(folder), limit=limit)
    assert refused.value.status == 400
    assert [each["path"] for each in refused.value.problem["errors"]] == ["params.limit"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("relative", "invalid"),
        ("", "invalid"),
        ("/a\x00b", "invalid"),
        ("/" + "a" * 5000, "invalid"),
        ("/" + "a" * 300, "invalid"),
        ("/etc", "forbidden"),
        ("HOME/../../../etc/passwd", "forbidden"),
        ("HOME/out/passwd", "forbidden"),
        ("HOME/.switchyard", "forbidden"),
        ("HOME/.switchyard/main.db", "forbidden"),
        ("HOME/missing", "not_found"),
        ("HOME/missing/below", "not_found"),
    ],
)
@pytest.mark.parametrize("op", ["files.list", "files.stat", "files.read", "git.status", "git.diff"])
async def test_what_a_path_may_not_be(whole: Installation, op: str, path: str, code: str) -> None:
    out = whole.home / "out"
    if not out.is_symlink():
        out.symlink_to("/etc")
    if len(path) == 301:
        path = f"HOME{path}"
    with pytest.raises(OpError) as refused:
        await whole.op(op, path=path.replace("HOME", str(whole.home)))
    assert refused.value.code == code, refused.value.problem
    if code == "invalid":
        assert [each["path"] for each in refused.value.problem["errors"]] == ["params.path"]


async def test_reading_gives_text_with_its_tag_and_size(whole: Installation, folder: Path) -> None:
    file = folder / "text.txt"
    file.write_text("grüße\n")
    read = await whole.op("files.read", path=str(file))
    assert set(read) == {"content", "etag", "encoding", "truncated", "size"}
    assert (read["content"], read["truncated"], read["size"]) == ("grüße\n", False, 8)
    stat = await whole.op("files.stat", path=str(file))
    assert stat["etag"] == read["etag"]
    file.write_text("other\n")
    assert (await whole.op("files.stat", path=str(file)))["etag"] != read["etag"]
    file.write_text("grüße\n")
    assert (await whole.op("files.stat", path=str(file)))["etag"] == read["etag"], "the tag is that of the content"


async def test_a_file_beyond_the_bound_is_cut_and_cannot_be_written_back(whole: Installation, folder: Path) -> None:
    file = folder / "big.txt"
    file.write_text("x" * ((2 << 20) + 5))
    read = await whole.op("files.read", path=str(file))
    assert (read["truncated"], len(read["content"]), read["size"]) == (True, 2 << 20, (2 << 20) + 5)
    with pytest.raises(OpError) as refused:
        await whole.op("files.write", path=str(file), content="short", if_match=read["etag"])
    assert refused.value.status == 412
    assert file.stat().st_size == (2 << 20) + 5


async def test_a_binary_file_is_unsupported_and_names_its_transfer_address(whole: Installation, folder: Path) -> None:
    file = folder / "pixel.png"
    file.write_bytes(base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAA") + b"\x00\xff")
    with pytest.raises(OpError) as refused:
        await whole.op("files.read", path=str(file))
    assert (refused.value.status, refused.value.code) == (501, "unsupported")
    assert f"/api/nodes/{whole.node}/files/content?path=" in refused.value.problem["detail"]


async def test_a_folder_cannot_be_read_and_a_file_not_listed(whole: Installation, folder: Path) -> None:
    (folder / "file").touch()
    for op, path in (("files.read", folder), ("files.list", folder / "file")):
        with pytest.raises(OpError) as refused:
            await whole.op(op, path=str(path))
        assert refused.value.code == "invalid"
        assert [each["path"] for each in refused.value.problem["errors"]] == ["params.path"]


async def test_writing_needs_the_file_or_the_word_create(whole: Installation, folder: Path) -> None:
    file = folder / "new.txt"
    with pytest.raises(OpError) as missing:
        await whole.op("files.write", path=str(file), content="one")
    assert (missing.value.status, missing.value.code) == (404, "not_found")
    assert not file.exists()
    written = await whole.op("files.write", path=str(file), content="one", create=True)
    assert set(written) == {"etag", "size"}
    assert written["size"] == 3
    assert (await whole.op("files.read", path=str(file)))["etag"] == written["etag"]
    await whole.op("files.write", path=str(file), content="two")
    assert file.read_text() == "two", "without if_match it overwrites"


async def test_a_stale_tag_writes_nothing_and_a_fresh_one_keeps_the_mode(whole: Installation, folder: Path) -> None:
    file = folder / "run.sh"
    file.write_text("one")
    file.chmod(0o755)
    first = (await whole.op("files.read", path=str(file)))["etag"]
    file.write_text("elsewhere")
    with pytest.raises(OpError) as stale:
        await whole.op("files.write", path=str(file), content="two", if_match=first)
    assert (stale.value.status, stale.value.code) == (412, "precondition_failed")
    assert file.read_text() == "elsewhere"
    now = (await whole.op("files.read", path=str(file)))["etag"]
    before = file.stat().st_ino
    await whole.op("files.write", path=str(file), content="two", if_match=now)
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("two", 0o755)
    assert file.stat().st_ino != before, "a rename, so that nobody sees half of it"
    assert [each.name for each in folder.iterdir()] == ["run.sh"]


async def test_a_tag_for_a_file_that_is_gone_writes_nothing(whole: Installation, folder: Path) -> None:
    file = folder / "gone.txt"
    file.write_text("one")
    tag = (await whole.op("files.read", path=str(file)))["etag"]
    file.unlink()
    with pytest.raises(OpError) as refused:
        await whole.op("files.write", path=str(file), content="two", if_match=tag, create=True)
    assert refused.value.status == 412
    assert not file.exists()


async def test_a_write_below_a_missing_folder_is_not_found(whole: Installation, folder: Path) -> None:
    with pytest.raises(OpError) as refused:
        await whole.op("files.write", path=str(folder / "no/file"), content="x", create=True)
    assert refused.value.code == "not_found"


async def test_a_write_through_a_link_out_of_the_roots_is_forbidden(
    whole: Installation, folder: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    (folder / "link").symlink_to(target)
    with pytest.raises(OpError) as refused:
        await whole.op("files.write", path=str(folder / "link"), content="x", create=True)
    assert refused.value.code == "forbidden"
    assert not target.exists()
