"""Saving what a damaged database still holds: after a loss of power, on a dying disk.

Every row that can be read goes into a new file, which takes the place of the damaged one; that one is kept beside it.
What is missing inside a journal is replaced by notices that say so, and its epoch changes: readers have seen other
events under these numbers.
"""

import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import structlog
from msgspec.structs import replace

from ws.database.failures import DamagedError
from ws.database.lock import PRIVATE_FILE
from ws.database.migrations import Migration, migrate
from ws.protocol.base import Struct
from ws.protocol.events import JournalEvent, NativeIdKnown, Notice, SessionStarted

log = structlog.get_logger(__name__)

MAX_MISSES = 20_000
"""Row numbers in a row that cannot be read; a scan then gives the rest of a table up."""

LOST = "What happened here is lost: the database of this machine was damaged and has been mended."

_NAMES = {"prompt_queued": "prompt", "approval_requested": "asked", "approval_resolved": "answered"}


class _Head(Struct, frozen=True):
    """As much of an event as names it."""

    type: str
    seq: int
    ts: str = ""
    message_id: str | None = None
    approval: str | None = None


def salvage(path: Path, damage: DamagedError, migrations: list[Migration]) -> None:
    """Put a whole database with what can be read in the place of the damaged one. Blocking.

    Raises `damage` when nothing of a node can be read; the file is then left as it is. Raises sqlite3.Error and OSError
    when the new file cannot be written.
    """
    fresh, whole = Path(f"{path}.mending"), Path(f"{path}.mended")
    fresh.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(path)) as old, closing(_new(fresh, migrations)) as new:
            new.execute("BEGIN")
            for table in _others(new):
                _copy(old, new, table)
            lost = _copy_sessions(old, new)
            new.execute("COMMIT")
            is_worthless = not any(
                new.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone()  # noqa: S608 - a name of ours
                for table in ("settings", "sessions")
            )
        if is_worthless:
            raise damage
        fresh.rename(whole)
        kept = _put_aside(path)
        whole.rename(path)
    finally:
        fresh.unlink(missing_ok=True)
    log.error("database_mended", lost_events=lost.events, lost_sessions=lost.sessions, damaged=str(kept))


def finish(path: Path) -> None:
    """Put a mended database in its place if a kill came between; `path` is then missing or empty. Blocking.

    Raises OSError.
    """
    whole = Path(f"{path}.mended")
    if path.exists() and path.stat().st_size:
        whole.unlink(missing_ok=True)
    elif whole.exists():
        path.unlink(missing_ok=True)
        _ = _put_aside(path)
        whole.rename(path)


class _State(Struct, frozen=True):
    """As much of a folded state as lost events are replaced by."""

    head: int = 0
    updated: str = ""
    provider: str = ""
    path: str = ""
    mode: str | None = None
    title: str = ""
    native_id: str | None = None


@dataclass
class _Lost:
    events: int = 0
    sessions: int = 0


def _new(path: Path, migrations: list[Migration]) -> sqlite3.Connection:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE))
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, path, "node", migrations)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _put_aside(path: Path) -> Path:
    number = 1
    while (kept := Path(f"{path}.damaged-{number}")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{kept}{suffix}")
    return kept


def _others(new: sqlite3.Connection) -> list[str]:
    """The tables beside those of sessions."""
    names = [str(row[0]) for row in new.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return [name for name in names if name not in {"sessions", "events", "names"}]


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> None:
    """All rows of a small table that can be read, from either end of it."""
    columns = [row[1] for row in new.execute(f"PRAGMA table_info({table})")]
    keys = ", ".join(f"{row[1]} DESC" for row in new.execute(f"PRAGMA table_info({table})") if row[5])
    into = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
    for order in ("", f" ORDER BY {keys}" if keys else ""):
        with suppress(sqlite3.DatabaseError):
            for row in old.execute(f"SELECT {', '.join(columns)} FROM {table}{order}"):  # noqa: S608
                new.execute(into, row)


def _copy_sessions(old: sqlite3.Connection, new: sqlite3.Connection) -> _Lost:
    lost = _Lost()
    seqs: dict[int, list[int]] = {}
    for row in _sessions(old, new):
        number = row["number"]
        folded, folded_head = _folded(old, number)
        _insert_session(new, row | {"folded": folded, "folded_head": folded_head})
        seqs[number] = []
    for number, seq, body in _scan(old, "events", ("session", "seq", "body")):
        head = _head(seq, body)
        if head is None:
            continue
        if number not in seqs:  # its row is lost: it gets another id
            seqs[number] = []
            _insert_session(new, {"number": number, "id": secrets.token_urlsafe(12), "epoch": secrets.token_urlsafe(8)})
        if _insert_event(new, number, seq, body):
            seqs[number].append(seq)
            _insert_name(new, number, head)
    for number, found in seqs.items():
        _fill(new, number, found, lost)
    return lost


def _sessions(old: sqlite3.Connection, new: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    """The rows without their folded states, which are large and read one by one."""
    there = {row[1] for row in old.execute("PRAGMA table_info(sessions)")}
    wanted = [row[1] for row in new.execute("PRAGMA table_info(sessions)")]
    columns = [name for name in wanted if name in there and name not in {"folded", "folded_head"}]
    for row in _scan(old, "sessions", columns):
        yield dict(zip(columns, row, strict=True))


def _folded(old: sqlite3.Connection, number: int) -> tuple[bytes | None, int]:
    with suppress(sqlite3.DatabaseError, msgspec.DecodeError):
        row = old.execute("SELECT folded, folded_head FROM sessions WHERE number = ?", (number,)).fetchone()
        if row is not None and row[0] is not None:
            _ = msgspec.json.decode(row[0], type=_State)
            return bytes(row[0]), int(row[1])
    return None, 0


def _scan(old: sqlite3.Connection, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The rows of a table in the order of their row numbers, stepping over what cannot be read."""
    after, misses = -1, 0
    sql = f"SELECT rowid, {', '.join(columns)} FROM {table} NOT INDEXED WHERE rowid > ? ORDER BY rowid"  # noqa: S608
    while misses < MAX_MISSES:
        try:
            for row in old.execute(sql, (after,)):
                after, misses = row[0], 0
                yield row[1:]
        except sqlite3.DatabaseError:
            after, misses = after + 1, misses + 1
        else:
            return


def _head(seq: int, body: Any) -> _Head | None:
    """None when the event is not whole."""
    try:
        head = msgspec.json.decode(body, type=_Head)
    except (msgspec.DecodeError, TypeError):
        return None
    return head if head.seq == seq else None


def _insert_session(new: sqlite3.Connection, row: dict[str, Any]) -> None:
    into = f"INSERT INTO sessions ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"  # noqa: S608
    new.execute(into, tuple(row.values()))


def _insert_event(new: sqlite3.Connection, session: int, seq: int, body: bytes) -> bool:
    sql = "INSERT OR IGNORE INTO events (session, seq, body) VALUES (?, ?, ?)"
    return new.execute(sql, (session, seq, body)).rowcount == 1


def _insert_name(new: sqlite3.Connection, session: int, head: _Head) -> None:
    kind = _NAMES.get(head.type)
    name = head.message_id if kind == "prompt" else head.approval
    if kind is not None and name is not None:
        sql = "INSERT OR REPLACE INTO names (session, kind, name, seq) VALUES (?, ?, ?, ?)"
        new.execute(sql, (session, kind, name, head.seq))


def _fill(new: sqlite3.Connection, number: int, found: Sequence[int], lost: _Lost) -> None:
    """Close the gaps of a journal. One whose beginning nobody knows any more is dropped."""
    folded = _state(new, number)
    there = set(found)
    missing = [seq for seq in range(1, max([folded.head, *found]) + 1) if seq not in there]
    if not missing:
        return
    if 1 in missing and not folded.provider:
        lost.sessions += 1
        for table, key in (("events", "session"), ("names", "session"), ("sessions", "number")):
            new.execute(f"DELETE FROM {table} WHERE {key} = ?", (number,))  # noqa: S608 - names of ours
        return
    lost.events += len(missing)
    sql = "UPDATE sessions SET epoch = ?, folded = NULL, folded_head = 0 WHERE number = ?"
    new.execute(sql, (secrets.token_urlsafe(8), number))
    ts = folded.updated
    for seq in missing:
        before = new.execute("SELECT body FROM events WHERE session = ? AND seq = ?", (number, seq - 1)).fetchone()
        ts = ts if before is None else msgspec.json.decode(before[0], type=_Head).ts
        stands = _in_place_of(seq, folded, is_last=seq == missing[-1])
        _ = _insert_event(new, number, seq, msgspec.json.encode(replace(stands, seq=seq, ts=ts)))


def _in_place_of(seq: int, folded: _State, *, is_last: bool) -> JournalEvent:
    """What stands for a lost event: what the folded state still knows of it, or a notice."""
    if seq == 1:
        return SessionStarted(
            provider=folded.provider, path=folded.path, model=None, mode=folded.mode, title=folded.title
        )
    if is_last and folded.native_id is not None:
        return NativeIdKnown(native_id=folded.native_id)
    return Notice(level="error", code="events_lost", text=LOST)


def _state(new: sqlite3.Connection, number: int) -> _State:
    (folded,) = new.execute("SELECT folded FROM sessions WHERE number = ?", (number,)).fetchone()
    return _State() if folded is None else msgspec.json.decode(folded, type=_State)
