"""What a disk loses: the node starts, says what is gone, shows what is left, and no reader is led astray."""

import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from node.sessions.fold import empty_state, fold
from node.store.heads import Heads
from tests.unit.node.sessions.bench import NODE, Bench, bench, crash, decode_watched
from ws.database.lock import PRIVATE_FILE
from ws.protocol.base import SessionId
from ws.protocol.events import AgentMessage, Notice
from ws.protocol.sessions import SessionState, SessionWatchParams

PAGE_BYTES = 4096
FRAME_BYTES = PAGE_BYTES + 24
FRAME_OF_ONE_APPEND = 3 * FRAME_BYTES
"""At least so much of the log a commit of events takes."""


async def _spoken(node: Bench, session: str, first: int, count: int) -> None:
    """A turn with that many messages."""
    await node.send(session, f"m{first}")
    await node.prompted()
    for number in range(first, first + count):
        await node.provider.agent.say(AgentMessage(message_id=f"a{number}", text=f"Said {number}. " + "x" * 200))
    await node.provider.agent.end()
    await node.idle(session)


def _files(file: Path) -> dict[str, bytes]:
    """The database as a kill at this moment would leave it."""
    return {suffix: Path(f"{file}{suffix}").read_bytes() for suffix in ("", "-wal", "-heads")}


async def _started_on(node: Bench, files: dict[str, bytes]) -> list[dict[str, object]]:
    """Kill the node, put these files in the place of its own and start it again; the errors that it logs."""
    await crash(node.service)
    await node.store.close()
    for suffix, content in files.items():
        Path(f"{node.file}{suffix}").write_bytes(content)
    with capture_logs() as logs:
        await node.start()
    return [{**entry} for entry in logs if entry["log_level"] == "error"]


async def _check(node: Bench, session: str) -> SessionState:
    """Dense from 1, and what `session.get` says is the fold."""
    events = await node.events(session)
    state = node.service.get(session)
    assert [event.seq for event in events] == list(range(1, state.head + 1))
    folded = fold(empty_state(SessionId(session), NODE, state.epoch), events)
    assert replace(state, unread=False) == folded
    return folded


async def _first_seen(node: Bench, session: str, after: int, epoch: str) -> str:
    """What a reader with this cursor is told first."""
    _, stream = node.service.watch(SessionWatchParams(node=NODE, session=session, after=after, epoch=epoch))
    async for event in stream:
        return str(decode_watched(event).__struct_config__.tag)
    raise AssertionError("the stream ended")


async def test_a_kill_loses_nothing_and_cursors_stay_good(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await _spoken(node, session, 0, 5)
        before = await _check(node, session)
        files = _files(node.file)
        # what a kill in the middle of a write leaves: a frame that is not whole, behind the last that is
        files["-wal"] += files["-wal"][32 : 32 + 24] + b"\x99" * 700
        assert await _started_on(node, files) == []
        assert await _check(node, session) == before
        assert await _first_seen(node, session, before.head, before.epoch) == "live"


async def test_the_end_of_the_log_is_gone(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        untouched, session = await node.create(path="/workspace/other"), await node.create()
        await _spoken(node, session, 0, 3)
        calm = await _check(node, untouched)
        await _spoken(node, session, 3, 20)
        before = node.service.get(session)
        files = _files(node.file)
        files["-wal"] = files["-wal"][: -4 * FRAME_OF_ONE_APPEND]
        errors = await _started_on(node, files)
        assert [(error["event"], error["session"]) for error in errors] == [("events_lost", session)]
        after = await _check(node, session)
        lost = [event for event in await node.events(session) if isinstance(event, Notice)]
        assert [notice.code for notice in lost] == ["events_lost"]
        assert f"lost the last {errors[0]['events']} events" in lost[0].text
        assert after.epoch != before.epoch
        assert await _first_seen(node, session, before.head, before.epoch) == "reset"
        assert await _check(node, untouched) == calm
        # it goes on, and the next start has nothing to tell
        await _spoken(node, session, 30, 2)
        with capture_logs() as logs:
            await node.restart(is_crash=True)
        assert [entry for entry in logs if entry["log_level"] == "error"] == []
        assert (await _check(node, session)).epoch == after.epoch


async def test_a_session_that_was_lost_whole_is_counted_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        kept = await node.create()
        files = _files(node.file)
        _ = await node.create(path="/workspace/other")
        files["-heads"] = _files(node.file)["-heads"]
        errors = await _started_on(node, files)
        assert errors == [{"event": "sessions_lost", "sessions": 1, "log_level": "error"}]
        _ = await _check(node, kept)
        with capture_logs() as logs:
            await node.restart(is_crash=True)
        assert [entry for entry in logs if entry["log_level"] == "error"] == []


async def test_after_a_halt_of_the_machine_no_cursor_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boot = tmp_path / "boot_id"
    boot.write_text("first\n")
    monkeypatch.setattr("node.store.heads.BOOT_ID", boot)
    async with bench(tmp_path) as node:
        session = await node.create()
        before = node.service.get(session)
        files = _files(node.file)
        boot.write_text("second\n")
        assert await _started_on(node, files) == []
        assert (await _check(node, session)).epoch != before.epoch
        assert await _first_seen(node, session, before.head, before.epoch) == "reset"


def _garbled_last_page(file: Path) -> None:
    with file.open("r+b") as database:
        database.seek(-PAGE_BYTES, 2)
        database.write(b"\xa5" * PAGE_BYTES)


def _zeroed_event_page(file: Path) -> None:
    """A page in the middle of the events, found by what is in it."""
    whole = file.read_bytes()
    place = whole.index(b"Said 12. ") // PAGE_BYTES * PAGE_BYTES
    file.write_bytes(whole[:place] + bytes(PAGE_BYTES) + whole[place + PAGE_BYTES :])


def _garbled_text(file: Path) -> None:
    """The page is sound for SQLite; what one event says is not."""
    connection = sqlite3.connect(file)
    connection.execute("UPDATE events SET body = x'7b22ff' WHERE seq = 9")
    connection.commit()
    connection.close()
    _garbled_last_page(file)


@pytest.mark.parametrize("harm", [_garbled_last_page, _zeroed_event_page, _garbled_text])
async def test_a_damaged_database_is_mended_and_the_damaged_one_kept(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    async with bench(tmp_path) as node:
        first, second = await node.create(), await node.create(path="/workspace/other")
        await _spoken(node, first, 0, 30)
        await _spoken(node, second, 100, 30)
        copy = tmp_path / "copy.db"
        for suffix, content in _files(node.file).items():
            Path(f"{copy}{suffix}").write_bytes(content)
        connection = sqlite3.connect(copy)
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.close()
        harm(copy)
        harmed = copy.read_bytes()
        errors = await _started_on(node, {"": harmed, "-wal": b"", "-heads": Path(f"{copy}-heads").read_bytes()})
        assert [error["event"] for error in errors if error["event"] == "database_mended"] == ["database_mended"]
        assert Path(f"{node.file}.damaged-1").read_bytes() == harmed
        assert stat.S_IMODE(node.file.stat().st_mode) == PRIVATE_FILE
        for session, prompt in ((first, "m0"), (second, "m100")):
            state = await _check(node, session)
            assert state.path
            assert await node.service._shelf.get(session).session.journal.find("prompt", prompt) is not None
        lost = [each for name in (first, second) for each in await node.events(name) if isinstance(each, Notice)]
        assert len(lost) <= 45, "most of it was saved"
        await _spoken(node, first, 200, 2)


async def test_a_kill_between_the_last_steps_of_mending_leaves_no_empty_node(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.store.close()
        node.file.rename(f"{node.file}.mended")
        Path(f"{node.file}-wal").write_bytes(b"of the damaged one")
        await node.start()
        _ = await _check(node, session)
        assert Path(f"{node.file}.damaged-1-wal").read_bytes() == b"of the damaged one"


def test_how_the_last_node_ended_is_read_from_the_notes(tmp_path: Path) -> None:
    database = tmp_path / "node.db"
    first = Heads.open(database)
    assert first.last_end == "closed"
    first.run()
    first.begin(3)
    first.note(3, 17)
    copied = tmp_path / "killed.db"
    shutil.copy(f"{database}-heads", f"{copied}-heads")
    first.close()
    killed, closed = Heads.open(copied), Heads.open(database)
    assert (killed.last_end, killed.get(3), killed.get(99)) == ("killed", 17, 0)
    assert (closed.last_end, closed.get(3)) == ("closed", 17)
    killed.close()
    closed.close()


def test_a_kill_while_a_halt_is_being_seen_to_leaves_it_to_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = tmp_path / "boot_id"
    boot.write_text("first\n")
    monkeypatch.setattr("node.store.heads.BOOT_ID", boot)
    database = tmp_path / "node.db"

    def end_after_a_kill(*, is_settled: bool) -> str:
        """Of the node before; the next one is killed before or after it has seen to that."""
        heads = Heads.open(database)
        if is_settled:
            heads.run()
        as_killed = Path(f"{database}-heads").read_bytes()
        heads.close()
        Path(f"{database}-heads").write_bytes(as_killed)
        return heads.last_end

    assert end_after_a_kill(is_settled=True) == "closed"
    boot.write_text("second\n")
    assert [end_after_a_kill(is_settled=each) for each in (False, True, True)] == ["halted", "halted", "killed"]
