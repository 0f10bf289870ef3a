"""The node's database: SQLite in WAL mode, one thread that reads and one that writes.

Writes are queued; the writer takes all that wait into one transaction on its thread, so a burst of events costs one
commit and one change of threads. Plain `sqlite3`, since an asynchronous wrapper changes threads for each statement.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import structlog

from node.store.heads import End, Heads
from node.store.salvage import finish, salvage
from ws.database.failures import DamagedError, damaged, unusable, unwritable, write_refused
from ws.database.lock import take_lock
from ws.database.migrations import migrate, read_migrations
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]
"""Runs on the database's thread: statements and nothing else, no BEGIN or COMMIT."""

MAX_WAITING_WRITES = 1024
"""Beyond this `write` waits for room; a drain is then still committed within about 10 ms on an ordinary disk."""

BUSY_TIMEOUT_S = 5.0
MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(slots=True)
class _Waiting:
    work: Work[Any]
    done: asyncio.Future[Any]
    committed: Callable[[], None] | None = None
    result: Any = None
    error: Exception | None = None


class Database:
    """Made by `open`. Reads see everything whose `write` has returned.

    `size_bytes` is what the file and its log take on the disk since the last write, 0 while that is not known.
    """

    def __init__(self, lock: int, heads: Heads, reader: sqlite3.Connection, writer: sqlite3.Connection) -> None:
        self.heads = heads
        self._lock = lock
        self._reader = reader
        self._writer = writer
        self._read_thread = ThreadPoolExecutor(1, "store-reader")
        self._write_thread = ThreadPoolExecutor(1, "store-writer")
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(MAX_WAITING_WRITES)
        self.size_bytes = 0
        self._tasks = TaskOwner("store")
        _ = self._tasks.start(self._write_for_ever(), name="writer")

    @classmethod
    async def open(cls, path: Path, *, is_local: bool = False) -> "Database":
        """Lock, migrate and open the database at `path`. Raises StoreError with one sentence."""
        return cls(*await asyncio.to_thread(_open, path, is_local))

    async def read(self, work: Work[Result]) -> Result:
        """Run `work` on the reading connection."""
        return await asyncio.get_running_loop().run_in_executor(self._read_thread, work, self._reader)

    async def write(self, work: Work[Result], committed: Callable[[], None] | None = None) -> Result:
        """Run `work` on the writing connection; either all it did is on disk when this returns, or nothing is.

        Writes happen in the order of the calls. When the caller is cancelled the write happens all the same.
        `committed` is called on the writing thread once it is on disk. Raises WireError with a sentence when the disk
        is full or broken, else what `work` raises.
        """
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        await self._queue.put(_Waiting(work, done, committed))
        return await done

    async def execute(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Write one statement and return how many rows it changed."""
        return await self.write(lambda connection: connection.execute(sql, parameters).rowcount)

    def execute_soon(self, sql: str, parameters: Sequence[object] = ()) -> None:
        """Write one statement in its turn without waiting: for notes whose loss does no harm. A loss is logged."""
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        done.add_done_callback(_log_loss)
        try:
            self._queue.put_nowait(_Waiting(lambda connection: connection.execute(sql, parameters).rowcount, done))
        except asyncio.QueueFull:
            done.set_exception(asyncio.QueueFull("too many writes wait for the disk"))

    async def close(self) -> None:
        """Write what waits, then close and release the lock."""
        # Writes are done in order: once this one is, nothing that came before is under way any more.
        await self.write(lambda connection: None)
        await self._tasks.close()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        for thread, connection in ((self._read_thread, self._reader), (self._write_thread, self._writer)):
            thread.shutdown()
            connection.close()
        self.heads.close()
        os.close(self._lock)

    async def _write_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        self.size_bytes = await loop.run_in_executor(self._write_thread, _size, self._writer)
        while True:
            drained = [await self._queue.get()]
            while not self._queue.empty():
                drained.append(self._queue.get_nowait())
            self.size_bytes = await loop.run_in_executor(self._write_thread, _transact, self._writer, drained)
            for waiting in drained:
                _settle(waiting)


def _size(connection: sqlite3.Connection) -> int:
    try:
        path = connection.execute("PRAGMA database_list").fetchone()["file"]
        return sum(file.stat().st_size for file in (Path(path), Path(f"{path}-wal")) if file.exists())
    except (OSError, sqlite3.Error):
        return 0


def _log_loss(done: asyncio.Future[int]) -> None:
    error = None if done.cancelled() else done.exception()
    if error is not None:
        log.warning("note_not_written", reason=str(error))


def _transact(writer: sqlite3.Connection, drained: list[_Waiting]) -> int:
    """One transaction for all; a savepoint each, so a write that fails takes none of the others with it.

    Returns what the database takes on the disk then.
    """
    try:
        writer.execute("BEGIN IMMEDIATE")
        for waiting in drained:
            _attempt(writer, waiting)
        writer.execute("COMMIT")
    except sqlite3.Error as error:
        if writer.in_transaction:
            writer.execute("ROLLBACK")
        for waiting in drained:
            waiting.error = waiting.error or write_refused(error, "This machine's")
    for waiting in drained:
        if waiting.committed is not None and waiting.error is None:
            waiting.committed()
    return _size(writer)


def _attempt(writer: sqlite3.Connection, waiting: _Waiting) -> None:
    writer.execute("SAVEPOINT each")
    try:
        waiting.result = waiting.work(writer)
    except Exception as error:
        # Whatever it is belongs to the caller of `write`.
        waiting.error = write_refused(error, "This machine's") if isinstance(error, sqlite3.Error) else error
        if not writer.in_transaction:
            raise  # SQLite itself has rolled everything back, which a full disk may bring about
        writer.execute("ROLLBACK TO each")
    writer.execute("RELEASE each")


def _settle(waiting: _Waiting) -> None:
    if waiting.done.done():
        return
    if waiting.error is not None:
        waiting.done.set_exception(waiting.error)
    else:
        waiting.done.set_result(waiting.result)


def _open(path: Path, is_local: bool) -> tuple[int, Heads, sqlite3.Connection, sqlite3.Connection]:
    lock = take_lock(path, is_local=is_local)
    try:
        heads = Heads.open(path)
        try:
            reader, writer = _mended(path, heads.last_end)
        except sqlite3.Error as error:
            raise unusable(path, error) from error
    except BaseException:
        os.close(lock)
        raise
    return lock, heads, reader, writer


def _mended(path: Path, last_end: End) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """Both connections to a whole database; a damaged one is mended first if it is one of ours."""
    try:
        finish(path)
    except OSError as error:
        raise unwritable(path.parent, error) from error
    try:
        return _pair(path, last_end)
    except DamagedError as damage:
        try:
            salvage(path, damage, read_migrations(MIGRATIONS))
        except (OSError, sqlite3.Error):
            raise damage from None
        return _pair(path, "closed")


def _pair(path: Path, last_end: End) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    opened: list[sqlite3.Connection] = []
    try:
        opened.extend(_connect(path) for _ in range(2))
        migrate(opened[0], path, "node", read_migrations(MIGRATIONS))
        if last_end == "halted":
            _check(opened[0], path)
        for connection in opened:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        for connection in opened:
            connection.close()
        raise
    return opened[0], opened[1]


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """The machine went down while the node ran: the whole file is read, however large it is."""
    problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise damaged(path, problem)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection


__all__ = ["Database", "Work"]
