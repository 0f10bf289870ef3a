"""What is in an archive, and what is said of what is not."""

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.files.archive import LEFT_OUT, Archive
from node.files.guard import PathGuard
from node.files.pool import FilePool

pytestmark = pytest.mark.may_block("no loop is there")


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[PathGuard]:
    pool = FilePool()
    yield PathGuard([tmp_path], pool, data_folders=[tmp_path / "data"])
    pool.close()


def packed(guard: PathGuard, folder: Path) -> zipfile.ZipFile:
    made = Archive(guard, str(folder), None, lambda: True)
    sink = io.BytesIO()
    try:
        made.count()
        made.pack(sink)
    finally:
        made.close()
        made.close()
    return zipfile.ZipFile(sink)


def test_what_cannot_be_read_is_named_in_the_last_entry(guard: PathGuard, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "a").write_text("a")
    with packed(guard, tmp_path) as archive:
        assert archive.namelist()[-1] == LEFT_OUT
        assert archive.read(LEFT_OUT).decode() == f"{tmp_path.name}/fifo: it is a device, a pipe or a socket\n"


def test_what_is_whole_has_no_such_entry(guard: PathGuard, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    with packed(guard, tmp_path) as archive:
        assert archive.namelist() == [f"{tmp_path.name}/a"]


def test_odd_names_and_times_are_written_as_the_format_can(guard: PathGuard, tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd\xff")).write_text("odd")
    for name, time_s in (("old", 0), ("future", 2**33)):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (time_s, time_s))
    with packed(guard, tmp_path) as archive:
        assert archive.testzip() is None
        assert archive.read(f"{tmp_path.name}/odd%FF") == b"odd"
        assert archive.getinfo(f"{tmp_path.name}/old").date_time[0] == 1980
        assert archive.getinfo(f"{tmp_path.name}/future").date_time[0] == 2107


def test_the_programs_own_data_is_not_in_it(guard: PathGuard, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "node.db").write_text("secret")
    with packed(guard, tmp_path) as archive:
        assert archive.namelist() == []


def test_nobody_wants_it_any_more(guard: PathGuard, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    made = Archive(guard, str(tmp_path), None, lambda: False)
    with pytest.raises(BrokenPipeError):
        made.count()
    made.close()
