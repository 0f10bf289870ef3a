"""One upload without its stream: what it leaves, and what it never touches."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.files import temporaries
from node.files.guard import PathGuard
from node.files.pool import FilePool
from node.files.temporaries import Sweeper, temporary_name
from node.files.uploading import Conditions, Upload
from ws.protocol.errors import ErrorCode, WireError


@pytest.fixture
async def guard(tmp_path: Path) -> AsyncIterator[PathGuard]:
    pool = FilePool()
    yield await asyncio.to_thread(PathGuard, [tmp_path], pool)
    pool.close()


def begun(guard: PathGuard, path: Path, conditions: Conditions | None = None) -> Upload:
    return Upload(guard, str(path), conditions or Conditions(), max_read_bytes=1000, commit_lock=threading.Lock())


def test_what_was_received_takes_the_place_of_the_old_file_with_its_mode(guard: PathGuard, tmp_path: Path) -> None:
    target = tmp_path / "f"
    target.write_text("old")
    target.chmod(0o640)
    upload = begun(guard, target)
    upload.write([b"ne", memoryview(b"w")] * 600)  # more than one call of the kernel takes
    assert target.read_text() == "old"
    done = upload.commit()
    upload.close()
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"new" * 600, 0o640)
    assert (done.size, done.is_new, done.etag.startswith("stat-")) == (1800, False, True)
    assert [each.name for each in tmp_path.iterdir()] == ["f"]


def test_one_that_was_given_up_is_not_committed_any_more(guard: PathGuard, tmp_path: Path) -> None:
    """The thread that commits may begin after the one that closes: the descriptors are no longer its own."""
    upload = begun(guard, tmp_path / "f")
    upload.write([b"x"])
    upload.close()
    other = tmp_path / "other"
    with other.open("wb"), other.open("rb"):  # these take the numbers
        with pytest.raises(WireError) as refused:
            upload.commit()
        upload.write([b"y"])
        upload.close()
    assert refused.value.code is ErrorCode.CONFLICT
    assert [each.name for each in tmp_path.iterdir()] == ["other"]
    assert other.read_bytes() == b""


def test_without_unnamed_files_a_hidden_one_is_used_and_removed(
    guard: PathGuard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY)  # as an old kernel: EISDIR
    given_up, kept = begun(guard, tmp_path / "a"), begun(guard, tmp_path / "b")
    given_up.write([b"a"])
    kept.write([b"b"])
    assert len(list(tmp_path.glob(".switchyard-*.tmp"))) == 2
    given_up.close()
    assert kept.commit().is_new
    kept.close()
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("b", "b")]


def test_what_a_killed_node_left_is_removed_by_the_next_upload(
    guard: PathGuard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / temporary_name()
    for age_s, is_left in ((temporaries.MIN_AGE_S, True), (-1.0, False)):
        left.touch()
        monkeypatch.setattr(temporaries, "MIN_AGE_S", age_s)
        Upload(
            guard,
            str(tmp_path / "a"),
            Conditions(),
            max_read_bytes=1000,
            commit_lock=threading.Lock(),
            sweeper=Sweeper(),
        ).close()
        assert left.exists() == is_left


def test_of_two_for_a_new_file_only_the_first_wins(guard: PathGuard, tmp_path: Path) -> None:
    uploads = [begun(guard, tmp_path / "f", Conditions(is_new_only=True)) for _ in range(2)]
    for number, upload in enumerate(uploads):
        upload.write([str(number).encode()])
    assert uploads[1].commit().is_new
    with pytest.raises(WireError) as refused:
        uploads[0].commit()
    for upload in uploads:
        upload.close()
    assert refused.value.code is ErrorCode.PRECONDITION_FAILED
    assert (tmp_path / "f").read_text() == "1"
    assert len(list(tmp_path.iterdir())) == 1
