"""The node's database: one process, the right role, nothing half-written, private files."""

import asyncio
import sqlite3
import stat
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from node.link.handlers import handlers as link_handlers
from node.store import StoreError, open_store
from node.store.database import Database
from tests.support.terminal_link import CALLER
from ws.database.lock import take_lock
from ws.database.migrations import ROLE_MARKS
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.link import ProbeParams, ProbeResult


async def _refusal(path: Path) -> str:
    with pytest.raises(StoreError) as refused:
        await open_store(path)
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


async def test_folder_and_files_are_private(tmp_path: Path) -> None:
    path = tmp_path / "data" / "node.db"
    store = await open_store(path)
    await store.pinned.add("/a")
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in (path.parent, *path.parent.iterdir())}
    await store.close()
    assert modes == {"data": 0o700} | dict.fromkeys(
        ["node.db", "node.db-wal", "node.db-shm", "node.db-heads", "node.db.lock"], 0o600
    )


async def test_files_that_were_open_to_others_are_closed(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    path.touch(0o644)
    await (await open_store(path)).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_second_process_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    store = await open_store(path)
    assert "in use by another process (pid " in await _refusal(path)
    await store.close()
    await (await open_store(path)).close()


async def test_a_second_start_beside_mains_own_node_says_how_to_run_it_oneself(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    store = await open_store(path, is_local=True)
    sentence = await _refusal(path)
    await store.close()
    assert sentence.startswith("This machine's node already runs under Main (pid ")
    assert "main.local_node=false" in sentence


async def test_a_lock_is_not_followed_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "node.db.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError):
        await asyncio.to_thread(take_lock, tmp_path / "node.db", is_local=False)
    assert not (tmp_path / "elsewhere").exists()


async def test_mains_database_is_not_taken_for_a_nodes(tmp_path: Path) -> None:
    path = tmp_path / "main.db"
    _make(path, ROLE_MARKS["main"], 1)
    assert "belongs to a Switchyard Main" in await _refusal(path)


async def test_a_database_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    _make(path, ROLE_MARKS["node"], 99)
    assert "update this installation" in await _refusal(path)


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
async def test_a_damaged_database_is_refused_and_not_touched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "node.db"
    path.write_bytes(content)
    assert "restore it from a backup" in await _refusal(path)
    assert path.read_bytes() == content


async def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    _make(path, 0, 0)
    assert "belongs to another program" in await _refusal(path)


async def test_an_unusable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "data folder" in await _refusal(tmp_path / "file" / "node.db")


async def test_writes_of_one_drain_stand_or_fall_each_for_itself(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "node.db")

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO pinned (path) VALUES ('/half')")
        connection.execute("INSERT INTO pinned (path) VALUES ('/half')")

    results = await _all(
        database.execute("INSERT INTO pinned (path) VALUES ('/a')"),
        database.write(fail),
        database.execute("INSERT INTO pinned (path) VALUES ('/b')"),
    )
    rows = await database.read(lambda connection: connection.execute("SELECT path FROM pinned").fetchall())
    await database.close()
    assert [type(result) for result in results] == [int, sqlite3.IntegrityError, int]
    assert sorted(row["path"] for row in rows) == ["/a", "/b"]


async def test_a_full_disk_is_a_sentence_and_the_database_lives(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "node.db")
    await database.write(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchone())
    results = await _all(
        *(database.execute("INSERT INTO pinned VALUES (?)", ("x" * 50_000 + str(n),)) for n in range(3))
    )
    for result in results:
        assert isinstance(result, WireError)
        assert (result.code, result.retryable) == (ErrorCode.CONFLICT, True)
        assert "disk is full" in result.detail
    await database.write(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchone())
    assert await database.execute("INSERT INTO pinned VALUES ('/a')") == 1
    await database.close()


async def test_a_write_happens_although_its_caller_gives_up(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "node.db")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(database.execute("INSERT INTO pinned VALUES ('/a')"))
        await asyncio.sleep(0)
        task.cancel()
    await database.close()
    database = await Database.open(tmp_path / "node.db")
    assert await database.read(lambda connection: connection.execute("SELECT count(*) FROM pinned").fetchone()[0]) == 1
    await database.close()


async def test_a_note_is_written_although_the_store_is_closed_at_once(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "node.db")
    for number in range(10):
        database.execute_soon("INSERT INTO pinned VALUES (?)", (str(number),))
    await database.close()
    database = await Database.open(tmp_path / "node.db")
    assert await database.read(lambda connection: connection.execute("SELECT count(*) FROM pinned").fetchone()[0]) == 10
    await database.close()


async def test_pinned_projects_are_kept_once(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "node.db")
    for path in ("/b", "/a", "/b"):
        await store.pinned.add(path)
    assert await store.pinned.list() == ["/a", "/b"]
    await store.pinned.remove("/b")
    await store.pinned.remove("/b")
    assert await store.pinned.list() == ["/a"]
    await store.close()


async def test_the_identity_keeps_the_nodes_secret_and_of_mains_the_hash(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "node.db")
    assert await store.identity.load() is None
    await store.identity.revoke()
    assert await store.identity.load() is None
    await store.identity.save(node_secret="n" * 43, main_secret="m" * 43, main_id="main-1", register_token="t" * 16)
    await store.identity.revoke()
    identity = await store.identity.load()
    assert identity is not None
    assert (identity.node_secret, identity.main_id, identity.is_revoked) == ("n" * 43, "main-1", True)
    assert identity.accepts("m" * 43)
    assert not identity.accepts("n" * 43)
    await store.identity.reinstate()
    await store.close()
    assert b"m" * 43 not in (tmp_path / "node.db").read_bytes()


async def _all(*works: Coroutine[Any, Any, object]) -> list[object]:
    """What each work returns or raises; they are begun in this order."""

    async def attempt(work: Coroutine[Any, Any, object]) -> object:
        try:
            return await work
        except (WireError, sqlite3.Error) as error:
            return error

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(attempt(work)) for work in works]
    return [task.result() for task in tasks]


def _make(path: Path, mark: int, version: int) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE something (x)")
    connection.execute(f"PRAGMA application_id = {mark}")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.commit()
    connection.close()


async def test_its_size_is_known_while_a_read_takes_long(tmp_path: Path) -> None:
    """Main's probes ask for it: a node that reads a long journal has no worse a link for that."""
    store = await open_store(tmp_path / "node.db")
    may_end = threading.Event()
    async with asyncio.TaskGroup() as group:
        _ = group.create_task(store.database.read(lambda connection: may_end.wait(30)), name="a long read")
        await store.pinned.add("/a")
        probe = link_handlers(lambda: store.database.size_bytes)["link.probe"]
        told = await asyncio.wait_for(probe(CALLER, ProbeParams()), 5)
        may_end.set()
    assert isinstance(told, ProbeResult)
    files = [tmp_path / name for name in ("node.db", "node.db-wal")]
    assert told.database_bytes == sum(file.stat().st_size for file in files)
    await store.close()
