"""The index over transcripts: reads what has changed, tells of changes, and stays quiet otherwise."""

import asyncio
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from providers import history as history_module
from providers.base import NativeSession, ProviderFailed
from providers.history import Sample, TranscriptIndex, events_of, is_ours, read_lines
from tests.support.waiting import eventually
from ws.protocol.base import MAX_PATH_CHARS
from ws.protocol.events import AgentMessage, JournalEvent

DEADLINE_S = 10.0


class Reader:
    """Reads the title in the first line, and counts what was read."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, sample: Sample) -> NativeSession | None:
        self.read.append(sample.path.stem)
        title = sample.head.partition(b"\n")[0].decode()
        if title == "broken":
            raise ValueError("no session")
        return NativeSession(native_id=sample.path.stem, path=Path("/w"), title=title, updated="") if title else None


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
async def index(tmp_path: Path, reader: Reader) -> AsyncIterator[TranscriptIndex]:
    made = TranscriptIndex(tmp_path, 1, reader)
    yield made
    made.close()


def write(root: Path, name: str, text: str, *, at: int = 1_700_000_000) -> Path:
    path = root / f"{name}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    os.utime(path, (at, at))
    return path


async def titles(index: TranscriptIndex) -> list[str]:
    return [each.title for each in await index.sessions()]


async def test_only_what_has_changed_is_read_again(tmp_path: Path, index: TranscriptIndex, reader: Reader) -> None:
    write(tmp_path, "a/one", "One\n", at=1)
    write(tmp_path, "a/two", "Two\n", at=2)
    write(tmp_path, "b/empty", "")
    write(tmp_path, "b/bad", "broken\n")
    (tmp_path / "b" / "notes.txt").write_text("no transcript")
    (tmp_path / "b" / "deep").mkdir()
    write(tmp_path, "b/deep/three", "Deep\n")
    assert await titles(index) == ["Two", "One"]
    assert [each.updated for each in await index.sessions()] == ["1970-01-01T00:00:02.000Z", "1970-01-01T00:00:01.000Z"]
    assert sorted(reader.read) == ["bad", "empty", "one", "two"]
    reader.read.clear()
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        _ = group.create_task(index.changed())
        write(tmp_path, "a/one", "One and more\n", at=3)
    assert await titles(index) == ["One and more", "Two"]
    assert reader.read == ["one"]
    found = await index.path("one")
    assert found == tmp_path / "a" / "one.jsonl"
    assert await index.path("nothing") is None


async def test_a_new_folder_and_a_file_that_goes_are_noticed(tmp_path: Path, index: TranscriptIndex) -> None:
    one = write(tmp_path, "a/one", "One\n")
    assert await titles(index) == ["One"]
    assert await titles(index) == ["One"]
    write(tmp_path, "b/two", "Two\n", at=9)
    one.unlink()
    await asyncio.wait_for(index.changed(), DEADLINE_S)
    assert await titles(index) == ["Two"]


@pytest.mark.parametrize("is_moved", [True, False])
async def test_a_folder_that_takes_the_place_of_another_is_watched(
    tmp_path: Path, index: TranscriptIndex, is_moved: bool
) -> None:
    async def listed() -> set[str]:
        async with asyncio.timeout(DEADLINE_S):
            while not index._is_fresh:
                await index.sessions()
        return {each.native_id for each in await index.sessions()}

    write(tmp_path, "a/first", "one")
    assert await listed() == {"first"}
    if is_moved:
        (tmp_path / "a").rename(tmp_path.parent / "moved")
    else:
        shutil.rmtree(tmp_path / "a")
    write(tmp_path, "a/second", "two")
    await eventually(lambda: not index._is_fresh, what="the first change")
    assert await listed() == {"second"}
    write(tmp_path, "a/third", "three")
    await eventually(lambda: not index._is_fresh, what="the second change")
    assert await listed() == {"second", "third"}


async def test_without_a_change_nothing_is_looked_at(
    tmp_path: Path, index: TranscriptIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a/one", "One\n")
    await titles(index)
    await titles(index)  # the folders were new to the kernel

    def no_look(*_: object) -> None:
        raise AssertionError("looked")

    monkeypatch.setattr(history_module, "_files", no_look)
    assert await titles(index) == ["One"]


async def test_an_account_without_watches_left_looks_each_time(
    tmp_path: Path, index: TranscriptIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(history_module, "INotify", refuse)
    monkeypatch.setattr(history_module, "POLL_S", 0.01)
    write(tmp_path, "a/one", "One\n")
    assert await titles(index) == ["One"]
    write(tmp_path, "a/one", "Uno\n", at=5)
    await asyncio.wait_for(index.changed(), DEADLINE_S)
    assert await titles(index) == ["Uno"]


async def test_there_need_be_no_folder_at_all(tmp_path: Path, reader: Reader) -> None:
    index = TranscriptIndex(tmp_path / "nowhere", 3, reader)
    assert await index.sessions() == []
    index.close()


async def test_of_a_long_transcript_only_the_ends_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "MAX_FACTS_BYTES", 10)
    monkeypatch.setattr(history_module, "EDGE_BYTES", 4)
    seen: list[Sample] = []
    write(tmp_path, "a/one", "0123456789ab")
    index = TranscriptIndex(tmp_path, 1, seen.append)
    await index.sessions()
    index.close()
    assert [(each.head, each.tail, each.is_whole) for each in seen] == [(b"0123", b"89ab", False)]


def test_lines_are_whole_and_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "a/one", "one\ntwo\nthr")
    assert read_lines(path) == ([b"one", b"two"], True)
    monkeypatch.setattr(history_module, "MAX_TRANSCRIPT_BYTES", 9)
    assert read_lines(path) == ([b"two"], False)
    with pytest.raises(ProviderFailed):
        read_lines(tmp_path / "nothing")


def test_processes_of_ours_are_told_from_others() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert is_ours(child.pid)
        child.communicate(b"\n")
    assert not is_ours(os.getppid())
    assert not is_ours(child.pid)


@pytest.mark.parametrize("failure", [KeyError("x"), AttributeError("x"), TypeError("x"), RecursionError("x")])
async def test_a_transcript_of_unknown_shape_hides_no_other(tmp_path: Path, failure: Exception) -> None:
    def read_facts(sample: Sample) -> NativeSession | None:
        if sample.path.stem == "odd":
            raise failure
        return NativeSession(
            native_id=sample.path.stem, path=Path(sample.head.decode()), title="", updated="", branch="b" * 9999
        )

    write(tmp_path, "a/odd", "odd")
    write(tmp_path, "a/one", "/w")
    write(tmp_path, "a/endless", "/" + "w" * MAX_PATH_CHARS)
    index = TranscriptIndex(tmp_path, 1, read_facts)
    try:
        (session,) = await index.sessions()
        assert (session.native_id, session.branch) == ("one", "b" * history_module.MAX_BRANCH_CHARS)
    finally:
        index.close()


async def test_a_folder_is_the_one_that_its_name_leads_to(tmp_path: Path) -> None:
    """So that a fence around some folders is not passed by `..` or a link."""

    def read_facts(sample: Sample) -> NativeSession | None:
        path = Path(sample.head.decode())
        return NativeSession(native_id=sample.path.stem, path=path, title="", updated="")

    (tmp_path / "link").symlink_to("/etc")
    write(tmp_path, "a/dots", f"{tmp_path}/a/../../../../../../../../../etc")
    write(tmp_path, "a/link", f"{tmp_path}/link")
    write(tmp_path, "a/nothing", "/w\0x")
    index = TranscriptIndex(tmp_path, 1, read_facts)
    try:
        assert {each.native_id: str(each.path) for each in await index.sessions()} == {"dots": "/etc", "link": "/etc"}
    finally:
        index.close()


def test_of_a_line_that_nobody_understands_or_could_keep_nothing_is_shown() -> None:
    def read(line: Mapping[str, Any]) -> list[JournalEvent]:
        return [AgentMessage(message_id=line["id"], text=line["text"])]

    lines = [
        b'{"id":"1","text":"one"}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"id":"2"}',
        b'{"id":"\\ud800","text":"half a character"}',
        b'{"id":"' + b"3" * 200 + b'","text":"an id that is too long"}',
        b'{"id":"4","text":4}',
        b"not JSON",
        b'{"id":"5","text":"five"}',
    ]
    assert [event.text for event in events_of(lines, read) if isinstance(event, AgentMessage)] == ["one", "five"]
