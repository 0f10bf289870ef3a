"""Main's database: SQLite in WAL mode with one reader and one writer, each on a thread of its own.

Writes are queued; the writer takes all that wait into one transaction, so a burst costs one commit. A write is on disk
when `write` returns.
"""

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
import structlog

from main.store.finishing import to_the_end
from ws.database.failures import unusable, write_refused
from ws.database.lock import take_lock
from ws.database.migrations import migrate, read_migrations
from ws.protocol.errors import ErrorCode, WireError
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

Result = TypeVar("Result")
Work = Callable[[aiosqlite.Connection], Awaitable[Result]]
Row = sqlite3.Row

MAX_WAITING_WRITES = 1024
"""Beyond this `write` waits for room: the queue holds small rows, and a stalled disk must not fill the memory."""

BUSY_TIMEOUT_S = 5.0

CLOSE_DEADLINE_S = 2.0
"""Main has 5 s to stop."""


@dataclass
class _Waiting:
    work: Work[Any]
    done: asyncio.Future[Any]


class Database:
    """Made by `open`. Reads see everything whose `write` has returned."""

    def __init__(self, lock: int, reader: aiosqlite.Connection, writer: aiosqlite.Connection) -> None:
        self._lock = lock
        self._reader = reader
        self._writer = writer
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(MAX_WAITING_WRITES)
        self._under_way: list[_Waiting] = []
        self._is_closing = False
        self.on_written: Callable[[float], None] | None = None
        """Told after each write how long it took, in seconds."""
        self._has_writer = True
        self._tasks = TaskOwner("store")
        _ = self._tasks.start(self._write_for_ever(), name="writer")

    @classmethod
    async def open(cls, path: Path, role: str, migrations: Path) -> "Database":
        """Lock, migrate and open the database at `path`. Raises StoreError with one sentence."""
        return await to_the_end(cls._open(path, role, migrations), unwanted=cls.close)

    @classmethod
    async def _open(cls, path: Path, role: str, migrations: Path) -> "Database":
        lock = await asyncio.to_thread(take_lock, path)
        opened: list[aiosqlite.Connection] = []
        try:
            await asyncio.to_thread(_prepare, path, role, migrations)
            for _ in range(2):
                connection = await aiosqlite.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_S)
                opened.append(connection)
                connection.row_factory = sqlite3.Row
                await connection.execute("PRAGMA foreign_keys = ON")
                await connection.execute("PRAGMA synchronous = FULL")
            return cls(lock, *opened)
        except BaseException as error:
            await _release(lock, opened)
            if isinstance(error, sqlite3.Error):
                raise unusable(path, error) from error
            raise

    @property
    def waiting_writes(self) -> int:
        """How many are not on disk yet."""
        return self._queue.qsize() + len(self._under_way)

    async def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Every row of one SELECT."""
        return list(await self._reader.execute_fetchall(sql, parameters))

    async def read_one(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """The first row of one SELECT."""
        rows = await self.read(sql, parameters)
        return rows[0] if rows else None

    async def write(self, work: Work[Result]) -> Result:
        """Run `work` on the writing connection; either all it did is on disk when this returns, or nothing is.

        `work` issues statements and nothing else: no BEGIN or COMMIT, no waiting for anything but the connection.
        Raises what `work` raises (sqlite3.IntegrityError where a constraint refuses), and WireError with a sentence
        when the disk is full or broken or Main stops.
        """
        if self._is_closing:
            raise _stopping()
        begun = time.perf_counter()
        written = await self._queued(work)
        if self.on_written is not None:
            self.on_written(time.perf_counter() - begun)
        return written

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Write one statement and return how many rows it changed."""

        async def work(connection: aiosqlite.Connection) -> int:
            async with connection.execute(sql, parameters) as cursor:
                return cursor.rowcount

        return await self.write(work)

    async def close(self) -> None:
        """Write what waits, close both connections and release the lock: all of it, also for a cancelled caller.

        What a stalled disk does not take in time is lost, and said. Closing twice is fine.
        """
        if not self._is_closing:
            self._is_closing = True
            await to_the_end(self._close())

    async def _close(self) -> None:
        try:
            # Writes are done in order: once this one is, nothing that came before is under way any more.
            await asyncio.wait_for(self._queued(_nothing), CLOSE_DEADLINE_S)
        except TimeoutError:
            log.warning("writes_lost", count=self._queue.qsize() + len(self._under_way))
        except Exception as error:  # noqa: BLE001  whatever the disk says now, both connections are closed
            log.warning("last_write_failed", reason=str(error))
        try:
            await self._tasks.close()
        finally:
            self._has_writer = False
            self._turn_away()
            await _release(self._lock, [self._reader, self._writer])

    async def _queued(self, work: Work[Result]) -> Result:
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        await self._queue.put(_Waiting(work, done))
        if not self._has_writer:
            self._turn_away()  # it waited for room while the database was closed
        return await done

    def _turn_away(self) -> None:
        """Tell those whose writes are not done: nobody does them any more."""
        while not self._queue.empty():
            self._under_way.append(self._queue.get_nowait())
        for waiting in self._under_way:
            _fail(waiting, _stopping())
        self._under_way.clear()

    async def _write_for_ever(self) -> None:
        while True:
            drained = self._under_way = [await self._queue.get()]
            with contextlib.suppress(asyncio.QueueEmpty):
                while True:
                    drained.append(self._queue.get_nowait())
            try:
                await self._transact(drained)
            except Exception as error:  # noqa: BLE001  the writer lives on, and whoever waits is told
                await self._undo()
                for waiting in drained:
                    _fail(waiting, error)
            self._under_way = []

    async def _transact(self, drained: list[_Waiting]) -> None:
        """One transaction for all; a savepoint each, so a write that fails takes none of the others with it."""
        results: list[tuple[_Waiting, Any]] = []
        await self._writer.execute("BEGIN IMMEDIATE")
        for waiting in drained:
            await self._writer.execute("SAVEPOINT each")
            try:
                results.append((waiting, await waiting.work(self._writer)))
            except Exception as error:  # noqa: BLE001  whatever it is belongs to the caller of `write`
                await self._writer.execute("ROLLBACK TO each")
                _fail(waiting, error)
            await self._writer.execute("RELEASE each")
        await self._writer.execute("COMMIT")
        for waiting, result in results:
            if not waiting.done.done():
                waiting.done.set_result(result)

    async def _undo(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._writer.in_transaction:
                await self._writer.execute("ROLLBACK")


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(write_refused(error, "Main's") if isinstance(error, sqlite3.Error) else error)


def _stopping() -> WireError:
    return WireError(ErrorCode.CONFLICT, "Main is stopping; try again when it is back.", retryable=True)


async def _release(lock: int, connections: Sequence[aiosqlite.Connection]) -> None:
    """Close all of them whatever one of them says, then the lock."""
    async with contextlib.AsyncExitStack() as ending:
        ending.callback(os.close, lock)
        for each in connections:
            ending.push_async_callback(each.close)


async def _nothing(connection: aiosqlite.Connection) -> None:
    del connection


def _prepare(path: Path, role: str, migrations: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_S)
    try:
        migrate(connection, path, role, read_migrations(migrations))
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


__all__ = ["Database", "Row", "Work"]
