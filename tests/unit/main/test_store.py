"""Main's store: private files, one process, marks on the file, writes that stand or fall alone."""

import asyncio
import contextlib
import os
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiosqlite
import pytest

from main.store import Store, StoreError, database, open_store
from main.store.database import Database
from main.store.session_cache import SessionCache
from tests.support.unprivileged import as_nobody, folder_for_nobody
from ws.database.lock import take_lock
from ws.protocol.base import NodeId
from ws.protocol.errors import WireError
from ws.protocol.sessions import SessionSummary

SESSION = SessionSummary(
    id="s", node="n", path="/p", provider="x", title="T", status="idle", updated="2026-01-01T00:00:00.000Z",
    unread=False, pending_approvals=0, model=None, mode=None, archived=False,
)  # fmt: skip


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(tmp_path / "data/main.db")
    yield opened
    await opened.close()


async def test_files_are_private_also_what_an_older_version_left_open(tmp_path: Path) -> None:
    path = tmp_path / "data/main.db"
    path.parent.mkdir()
    path.touch(mode=0o644)
    opened = await open_store(path)
    await opened.settings.put("a", "b")
    modes = {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    await opened.close()
    assert modes == {0o600}


async def test_a_second_opener_is_refused_until_the_first_has_closed(tmp_path: Path) -> None:
    first = await open_store(tmp_path / "main.db")
    with pytest.raises(StoreError, match="in use by another process"):
        await open_store(tmp_path / "main.db")
    await first.close()
    await (await open_store(tmp_path / "main.db")).close()


async def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "main.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        await open_store(path)
    assert path.read_bytes() == before


async def test_a_write_that_fails_takes_none_of_its_neighbours_with_it(store: Store) -> None:
    async def fail(connection: aiosqlite.Connection) -> None:
        await connection.execute("INSERT INTO settings VALUES ('half', 'done')")
        raise RuntimeError("no")

    async with asyncio.TaskGroup() as group:
        good = [group.create_task(store.settings.put(f"k{n}", "v")) for n in range(20)]
        bad = group.create_task(_expect(store.database, fail))
    assert all(task.done() for task in (*good, bad))
    assert await store.settings.get("half") is None
    assert [await store.settings.get(f"k{n}") for n in range(20)] == ["v"] * 20


async def _expect(written: Database, work: object) -> None:
    with pytest.raises(RuntimeError, match="no"):
        await written.write(work)  # type: ignore[arg-type]


async def test_the_writer_lives_on_after_a_statement_that_is_none(store: Store) -> None:
    with pytest.raises(sqlite3.OperationalError):
        await store.database.execute("NO SUCH STATEMENT")
    await store.settings.put("a", "b")
    assert await store.settings.get("a") == "b"


async def test_what_was_written_is_there_at_the_next_start(tmp_path: Path) -> None:
    first = await open_store(tmp_path / "main.db")
    made = await first.settings.get_or_make("secret", "one")
    await first.close()
    second = await open_store(tmp_path / "main.db")
    assert await second.settings.get_or_make("secret", "two") == made == "one"
    await second.close()


async def test_sessions_of_a_node_that_is_gone_are_not_kept(store: Store) -> None:
    cache: SessionCache = store.sessions
    await cache.put(SESSION)
    await cache.replace(NodeId("n"), [SESSION])
    assert await cache.all() == []


def test_a_folder_that_this_account_may_not_write_is_one_sentence() -> None:
    with folder_for_nobody() as folder:
        folder.chmod(0o500)
        with pytest.raises(StoreError, match=r"cannot be written .*: give this account access"):
            as_nobody(lambda: os.close(take_lock(folder / "main.db")))


async def test_a_write_under_way_at_the_close_is_on_disk_and_its_caller_told(tmp_path: Path) -> None:
    first = await open_store(tmp_path / "main.db")
    is_begun = asyncio.Event()

    async def work(connection: aiosqlite.Connection) -> None:
        is_begun.set()
        await connection.execute("INSERT INTO settings VALUES ('late', 'but kept')")

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        writing = group.create_task(first.database.write(work))
        await is_begun.wait()
        await first.close()
    assert writing.done()
    second = await open_store(tmp_path / "main.db")
    assert await second.settings.get("late") == "but kept"
    await second.close()


async def test_a_write_after_the_close_is_refused_and_does_not_wait(store: Store) -> None:
    await store.close()
    with pytest.raises(WireError, match="Main is stopping"):
        await asyncio.wait_for(store.settings.put("a", "b"), 10)


@pytest.mark.parametrize("steps", range(1, 12))
async def test_a_close_that_is_cancelled_closes_everything(tmp_path: Path, steps: int) -> None:
    opened = await open_store(tmp_path / "main.db")
    closing = asyncio.get_running_loop().create_task(opened.close())
    for _ in range(steps):
        await asyncio.sleep(0)
    closing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await closing
    for connection in (opened.database._reader, opened.database._writer):
        with pytest.raises(ValueError, match="no active connection"):
            await connection.execute("SELECT 1")
    await (await open_store(tmp_path / "main.db")).close()


async def test_one_connection_that_fails_to_close_keeps_neither_the_other_nor_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = await open_store(tmp_path / "main.db")
    closed: list[aiosqlite.Connection] = []
    close = aiosqlite.Connection.close

    async def close_and_fail(connection: aiosqlite.Connection) -> None:
        await close(connection)
        closed.append(connection)
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(aiosqlite.Connection, "close", close_and_fail)
        with pytest.raises(sqlite3.OperationalError):
            await opened.close()
    assert len(closed) == 2
    await (await open_store(tmp_path / "main.db")).close()


async def test_an_open_that_is_cancelled_leaves_no_lock_and_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_preparing, may_go_on = threading.Event(), threading.Event()

    def slowly(*given: Any) -> None:
        is_preparing.set()
        assert may_go_on.wait(10)
        prepare(*given)

    prepare = database._prepare
    with monkeypatch.context() as patched:
        patched.setattr(database, "_prepare", slowly)
        opening = asyncio.get_running_loop().create_task(open_store(tmp_path / "main.db"))
        assert await asyncio.to_thread(is_preparing.wait, 10)
        opening.cancel()
        await asyncio.sleep(0)
        # The thread is still at the file: nobody else may have it.
        with pytest.raises(StoreError, match="in use"):
            await open_store(tmp_path / "main.db")
        may_go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await opening
    await (await open_store(tmp_path / "main.db")).close()
    for each in threading.enumerate():
        if "_connection_worker_thread" in each.name:
            await asyncio.to_thread(each.join, 10)
            assert not each.is_alive()
