"""files.list: order, pages, kinds, what is left out."""

import os
import socket
from pathlib import Path

import pytest

from tests.unit.node.files.conftest import Files
from ws.protocol.errors import ErrorCode, WireError


async def test_folders_come_first_and_numbers_are_ordered_as_numbers(files: Files) -> None:
    for name in ("file10.txt", "file9.txt", "File1.txt", "b", "zebra"):
        (files.root / name).write_text("x")
    for name in ("v10", "v9", "Alpha"):
        (files.root / name).mkdir()
    names = [entry.name for entry in (await files.page()).entries]
    assert names == ["Alpha", "v9", "v10", "b", "File1.txt", "file9.txt", "file10.txt", "zebra"]


async def test_pages_hold_every_entry_once(files: Files) -> None:
    for number in range(250):
        (files.root / f"f{number}").touch()
    names = [entry.name for entry in await files.all(limit=7)]
    assert names == [f"f{number}" for number in range(250)]


async def test_names_that_only_differ_in_case_or_leading_zeros_are_all_kept_over_pages(files: Files) -> None:
    wanted = {"a1", "A1", "a01", "a001", "straße", "strasse"}
    for name in wanted:
        (files.root / name).touch()
    assert {entry.name for entry in await files.all(limit=1)} == wanted


async def test_the_next_page_goes_on_where_the_last_ended_though_the_folder_changed(files: Files) -> None:
    for number in range(20):
        (files.root / f"f{number:02}").touch()
    first = await files.page(limit=10)
    (files.root / "a-new-one").touch()
    (files.root / "f03").unlink()
    (files.root / "f09").unlink()  # the very entry that the cursor names
    second = await files.page(limit=100, cursor=first.next_cursor)
    assert [entry.name for entry in second.entries] == [f"f{number}" for number in range(10, 20)]
    assert second.next_cursor is None


@pytest.mark.parametrize("cursor", ["x", "!!!!", "Li4vLi4v", "YS9ldGM=", "ü"])
async def test_a_cursor_that_is_none_is_invalid(files: Files, cursor: str) -> None:
    with pytest.raises(WireError) as refused:
        await files.page(cursor=cursor)
    assert refused.value.code is ErrorCode.INVALID


async def test_kinds_links_sizes_and_modes_are_told(files: Files) -> None:
    (files.root / "file").write_text("hello")
    (files.root / "file").chmod(0o640)
    (files.root / "folder").mkdir()
    (files.root / "link").symlink_to("nowhere")
    os.mkfifo(files.root / "pipe")
    entries = {entry.name: entry for entry in (await files.page()).entries}
    assert {name: entry.type for name, entry in entries.items()} == {
        "file": "file",
        "folder": "directory",
        "link": "symlink",
        "pipe": "other",
    }
    assert (entries["file"].size, entries["file"].mode) == (5, "0640")
    assert entries["link"].target == "nowhere"
    assert entries["file"].modified.endswith("Z")


async def test_hidden_entries_are_left_out_when_asked(files: Files) -> None:
    (files.root / ".env").touch()
    (files.root / "seen").touch()
    assert [entry.name for entry in (await files.page(hidden=False)).entries] == ["seen"]
    assert len((await files.page()).entries) == 2


async def test_the_root_has_no_parent_and_a_folder_below_has(files: Files) -> None:
    (files.root / "below").mkdir()
    assert (await files.page()).parent is None
    assert (await files.page("below")).parent == str(files.root)


async def test_a_name_that_is_no_utf8_is_shown_escaped(files: Files) -> None:
    Path(os.fsdecode(os.fsencode(files.root) + b"/caf\xe9")).touch()
    page = await files.page()
    assert [entry.name for entry in page.entries] == ["caf\ufffd"]


async def test_a_file_is_no_folder_and_a_missing_folder_is_not_found(files: Files) -> None:
    (files.root / "file").touch()
    with pytest.raises(WireError, match="is not a folder") as refused:
        await files.page("file")
    assert refused.value.code is ErrorCode.INVALID
    with pytest.raises(WireError) as missing:
        await files.page("missing")
    assert missing.value.code is ErrorCode.NOT_FOUND


async def test_an_impossible_time_does_not_hide_the_folder(files: Files) -> None:
    (files.root / "old").touch()
    os.utime(files.root / "old", ns=(0, -(2**62)))
    assert [entry.name for entry in (await files.page()).entries] == ["old"]


async def test_a_socket_is_listed_and_not_read(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files.root)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("door")
        assert (await files.page()).entries[0].type == "other"
        with pytest.raises(WireError) as refused:
            await files.read("door")
    assert refused.value.code is ErrorCode.UNSUPPORTED
