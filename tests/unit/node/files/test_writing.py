"""files.write: atomic, conditional, and nothing lost when it fails."""

import asyncio
import errno
import os
import resource
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from node.files.guard import PathGuard
from node.files.pool import FilePool
from node.files.text import etag_of
from node.files.writing import Wanted, Writer
from tests.support.unprivileged import NOBODY, as_nobody, folder_for_nobody
from tests.unit.node.files.conftest import Files
from ws.protocol.errors import ErrorCode, WireError


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


async def test_a_new_file_needs_create(files: Files) -> None:
    with pytest.raises(WireError) as refused:
        await files.write("f", "hello")
    assert refused.value.code is ErrorCode.NOT_FOUND
    written = await files.write("f", "grün", create=True)
    assert (files.root / "f").read_text() == "grün"
    assert (written.size, written.etag) == (5, (await files.read("f")).etag)


async def test_a_file_is_overwritten_without_an_etag_and_leaves_no_temporary(files: Files) -> None:
    (files.root / "f").write_text("old and longer")
    await files.write("f", "new")
    assert (files.root / "f").read_text() == "new"
    assert names(files.root) == {"f"}


async def test_the_etag_of_the_last_write_allows_the_next(files: Files) -> None:
    first = await files.write("f", "1", create=True)
    second = await files.write("f", "2", if_match=first.etag)
    await files.write("f", "3", if_match=second.etag)
    assert (files.root / "f").read_text() == "3"


async def test_a_stale_etag_writes_nothing(files: Files) -> None:
    first = await files.write("f", "1", create=True)
    (files.root / "f").write_text("changed by somebody else")
    with pytest.raises(WireError) as refused:
        await files.write("f", "2", if_match=first.etag)
    assert refused.value.code is ErrorCode.PRECONDITION_FAILED
    assert (files.root / "f").read_text() == "changed by somebody else"
    assert names(files.root) == {"f"}


async def test_an_etag_for_a_file_that_vanished_fails_even_with_create(files: Files) -> None:
    with pytest.raises(WireError) as refused:
        await files.write("f", "x", if_match=etag_of(b""), create=True)
    assert refused.value.code is ErrorCode.PRECONDITION_FAILED
    assert names(files.root) == set()


async def test_of_many_writers_with_one_etag_exactly_one_wins(files: Files) -> None:
    first = await files.write("f", "start", create=True)
    results: list[str] = []
    refusals: list[ErrorCode] = []

    async def attempt(number: int) -> None:
        try:
            await files.write("f", str(number), if_match=first.etag)
            results.append(str(number))
        except WireError as error:
            refusals.append(error.code)

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(attempt(number))
    assert [(files.root / "f").read_text()] == results
    assert refusals == [ErrorCode.PRECONDITION_FAILED] * 19
    assert names(files.root) == {"f"}


async def test_mode_and_encoding_stay(files: Files) -> None:
    path = files.root / "script"
    path.write_text("#!/bin/sh\n", encoding="utf-8-sig")
    path.chmod(0o751)
    await files.write("script", "#!/bin/bash\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o751
    assert path.read_bytes() == b"\xef\xbb\xbf#!/bin/bash\n"
    path.write_bytes(b"\xff\xfe" + "alt".encode("utf-16-le"))
    await files.write("script", "neu")
    assert path.read_bytes() == b"\xff\xfe" + "neu".encode("utf-16-le")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of somebody else; run the tests as root")
async def test_the_owner_stays_when_root_writes(files: Files) -> None:
    path = files.root / "f"
    path.write_text("theirs")
    os.chown(path, NOBODY, NOBODY)
    await files.write("f", "still theirs")
    assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY, NOBODY)


async def test_a_link_inside_is_written_through(files: Files) -> None:
    (files.root / "folder").mkdir()
    (files.root / "folder/real").write_text("old")
    (files.root / "link").symlink_to("folder/real")
    await files.write("link", "new")
    assert (files.root / "link").is_symlink()
    assert (files.root / "folder/real").read_text() == "new"


async def test_a_folder_or_a_pipe_in_its_place_is_a_conflict(files: Files) -> None:
    (files.root / "folder").mkdir()
    os.mkfifo(files.root / "pipe")
    for name in ("folder", "pipe", ""):
        with pytest.raises(WireError) as refused:
            await files.write(name, "x", create=True)
        assert refused.value.code is ErrorCode.CONFLICT


async def test_a_missing_folder_is_not_made(files: Files) -> None:
    (files.root / "file").touch()
    for name in ("missing/f", "file/f"):
        with pytest.raises(WireError) as refused:
            await files.write(name, "x", create=True)
        assert refused.value.code is ErrorCode.NOT_FOUND
    assert names(files.root) == {"file"}


async def test_half_a_character_is_invalid(files: Files) -> None:
    with pytest.raises(WireError) as refused:
        await files.write("f", "\ud800", create=True)
    assert refused.value.code is ErrorCode.INVALID
    assert names(files.root) == set()


async def test_names_with_everything_a_shell_would_act_on_are_just_names(files: Files) -> None:
    for name in ("$(touch x)", "-rf", "; id #", "`id`", "new\nline", "日本", "a" * 255):
        await files.write(name, name, create=True)
        assert (await files.read(name)).content == name
    assert len(names(files.root)) == 7


async def test_a_crash_before_the_rename_leaves_the_old_file(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    (files.root / "f").write_text("old")

    def no_rename(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "rename", no_rename)
    with pytest.raises(WireError, match="Input/output error"):
        await files.write("f", "new")
    assert (files.root / "f").read_text() == "old"
    assert names(files.root) == {"f"}


FILL = """
import subprocess, sys
from pathlib import Path
from node.files.guard import PathGuard
from node.files.pool import FilePool
from node.files.writing import Wanted, Writer
from ws.protocol.errors import WireError
root = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(root)], check=True)
(root / "f").write_text("old")
writer = Writer(PathGuard([root], FilePool()), 1 << 20)
try:
    writer.write(Wanted(path=str(root / "f"), content="x" * (1 << 20), if_match=None, is_new_allowed=False))
except WireError as error:
    print(error.code.value, [each.name for each in root.iterdir()], (root / "f").read_text(), error.detail, sep="|")
"""


def test_a_full_disk_is_one_sentence_and_no_temporary_is_left(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no mount namespace: enable unprivileged user namespaces")
    command = ["unshare", "-rm", sys.executable, "-c", textwrap.dedent(FILL), str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30, cwd=Path.cwd())
    code, left, content, detail = ended.stdout.strip().split("|")
    assert (code, left, content) == ("conflict", "['f']", "old")
    assert "the disk or the quota is full" in detail


def test_a_file_over_the_limit_of_the_account_is_refused_like_a_full_disk() -> None:
    with folder_for_nobody() as folder:
        (folder / "f").write_text("old")
        (folder / "f").chmod(0o666)
        writer = Writer(PathGuard([folder], FilePool()), 1 << 20)

        def attempt() -> ErrorCode:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
            with pytest.raises(WireError) as refused:
                writer.write(Wanted(path=str(folder / "f"), content="x" * 9999, if_match=None, is_new_allowed=False))
            return refused.value.code

        if os.geteuid() == 0:
            assert as_nobody(attempt) is ErrorCode.CONFLICT
        assert (folder / "f").read_text() == "old"
        assert names(folder) == {"f"}


def test_what_the_account_may_not_write_is_forbidden() -> None:
    with folder_for_nobody() as folder:
        (folder / "read-only").write_text("old")
        (folder / "read-only").chmod(0o444)
        (folder / "closed").mkdir(0o555)
        writer = Writer(PathGuard([folder], FilePool()), 1 << 20)

        def attempt(name: str) -> ErrorCode:
            with pytest.raises(WireError) as refused:
                writer.write(Wanted(path=str(folder / name), content="x", if_match=None, is_new_allowed=True))
            return refused.value.code

        assert as_nobody(lambda: [attempt(name) for name in ("read-only", "closed/new")]) == [ErrorCode.FORBIDDEN] * 2
        assert (folder / "read-only").read_text() == "old"
