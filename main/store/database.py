"""Main's database: SQLite in WAL mode with one reader and one writer, each on a thread of its own.

Writes are queued; the writer takes all that wait into one transaction, so a burst costs one commit. A write is on disk
when `write` returns.
"""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
import structlog

from ws.database.failures import unusable, write_refused
from ws.database.lock import take_lock
from ws.database.migrations import migrate, read_migrations
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
        self._tasks = TaskOwner("store")
        _ = self._tasks.start(self._write_for_ever(), name="writer")

    @classmethod
    async def open(cls, path: Path, role: str, migrations: Path) -> "Database":
        """Lock, migrate and open the database at `path`. Raises StoreError with one sentence."""
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
            for connection in opened:
                await connection.close()
            os.close(lock)
            if isinstance(error, sqlite3.Error):
                raise unusable(path, error) from error
            raise

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
        when the disk is full or broken.
        """
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        await self._queue.put(_Waiting(work, done))
        return await done

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Write one statement and return how many rows it changed."""

        async def work(connection: aiosqlite.Connection) -> int:
            async with connection.execute(sql, parameters) as cursor:
                return cursor.rowcount

        return await self.write(work)

    async def close(self) -> None:
        """Write what waits, then close. What a stalled disk does not take in time is lost, and said."""
        try:
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                while not self._queue.empty():
                    await self.write(_nothing)
        except TimeoutError:
            log.warning("writes_lost", count=self._queue.qsize())
        await self._tasks.close()
        for connection in (self._reader, self._writer):
            await connection.close()
        os.close(self._lock)

    async def _write_for_ever(self) -> None:
        while True:
            drained = [await self._queue.get()]
            with contextlib.suppress(asyncio.QueueEmpty):
                while True:
                    drained.append(self._queue.get_nowait())
            try:
                await self._transact(drained)
            except Exception as error:  # noqa: BLE001  the writer lives on, and whoever waits is told
                await self._undo()
                for waiting in drained:
                    _fail(waiting, error)

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
