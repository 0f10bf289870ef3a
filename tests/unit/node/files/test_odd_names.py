"""Names that no keyboard makes: not UTF-8, line breaks, a leading dash, the longest there are."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from node.files.pool import FilePool
from node.files.service import FilesService
from tests.unit.node.files.conftest import Files
from ws.protocol.files import FileParams, FilesListParams, FilesWriteParams

LATIN = b"gr\xfcn.txt"
ODD = [LATIN, b"new\nline", b"-rf", b"$(touch x)", b"a" * 255, b"\xff" * 255, "日本".encode(), b" ", b"\x1b[2J"]


@pytest.mark.parametrize("name", ODD)
async def test_what_was_listed_is_read_and_written_by_the_bytes_of_its_name(files: Files, name: bytes) -> None:
    path = os.fsencode(files.root) + b"/" + name
    await files.service.write(FilesWriteParams(node="n", path_bytes=path, content="1", create=True))
    (entry,) = (await files.page()).entries
    assert (entry.name_bytes or entry.name.encode()) == name
    stat = await files.service.stat(FileParams(node="n", path_bytes=path))
    assert (stat.path_bytes or stat.path.encode()) == path
    read = await files.service.read(FileParams(node="n", path_bytes=path))
    assert read.content == "1"
    assert [os.fsencode(each.name) for each in files.root.iterdir()] == [name]


async def test_bytes_are_given_only_where_text_would_lose_some(files: Files) -> None:
    folder = os.fsencode(files.root) + b"/" + LATIN
    Path(os.fsdecode(folder), "below").mkdir(parents=True)
    (odd,) = (await files.page()).entries
    assert (odd.name, odd.name_bytes) == ("gr\ufffdn.txt", LATIN)
    listed = await files.service.list(FilesListParams(node="n", path_bytes=folder + b"/below"))
    assert listed.path_bytes == folder + b"/below"
    assert listed.parent_bytes == folder
    assert listed.parent == f"{files.root}/gr\ufffdn.txt"
    plain = await files.page()
    assert (plain.path_bytes, plain.parent_bytes) == (None, None)


async def test_what_git_ignores_is_marked_when_that_is_asked(files: Files) -> None:
    async def ignored(folder: Path, names: Sequence[str]) -> frozenset[str]:
        assert folder == files.root
        return frozenset({os.fsdecode(LATIN)} & set(names))

    Path(os.fsdecode(os.fsencode(files.root) + b"/" + LATIN)).touch()
    (files.root / "plain").touch()
    pool = FilePool()
    service = FilesService(files.guard, pool, max_read_bytes=4096, ignored=ignored)
    asked = await service.list(FilesListParams(node="n", path=str(files.root), ignored=True))
    assert [(entry.name_bytes, entry.ignored) for entry in asked.entries] == [(LATIN, True), (None, False)]
    unasked = await service.list(FilesListParams(node="n", path=str(files.root)))
    assert [entry.ignored for entry in unasked.entries] == [None, None]
    pool.close()
