"""The tables of sessions and their events. What an event means is the business of node/sessions."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from node.store.database import Database
from node.store.heads import Heads
from ws.protocol.base import SessionId

NameKind = Literal["prompt", "asked", "answered"]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Entry:
    """One event to be written: its JSON, and under which name it can be found again."""

    seq: int
    body: bytes
    name: tuple[NameKind, str] | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The folded state (JSON) at `head`."""

    head: int
    state: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """A session as it is found at start: its checkpoint, and the events after that in order.

    `handed_out` is the last `seq` that readers have been told of, 0 when that is not known; `unfinished` is what
    `keep_unfinished` was given last, if no event has come since.
    """

    number: int
    id: SessionId
    epoch: str
    seen: int
    handed_out: int
    checkpoint: Checkpoint | None
    tail: list[bytes]
    unfinished: bytes | None = None


class Journals:
    """Sessions are known here by `number`, which `create` gives out. Writes are on disk when they return."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, session: SessionId, epoch: str, *, is_filling: bool = False) -> int:
        """Add a session with an empty journal; who creates it has seen its first event.

        One that `is_filling` is gone after a restart unless `filled` was called.
        """

        def work(connection: sqlite3.Connection) -> int:
            cursor = connection.execute(
                "INSERT INTO sessions (id, epoch, seen, is_filling) VALUES (?, ?, 1, ?)", (session, epoch, is_filling)
            )
            assert cursor.lastrowid is not None
            self._database.heads.begin(cursor.lastrowid)
            return cursor.lastrowid

        return await self._database.write(work)

    async def filled(self, number: int, seen: int) -> None:
        """The past of this journal is whole; who made it has seen it up to `seen`."""
        await self._database.execute("UPDATE sessions SET is_filling = 0, seen = ? WHERE number = ?", (seen, number))

    async def load(self) -> list[Stored]:
        """Every session, in the order of creation; those that were still being filled are removed."""
        for number in await self._database.read(_unfilled):
            await self.delete(number)
        return await self._database.read(lambda connection: _load(connection, self._database.heads))

    async def settled(self) -> int:
        """What the last end has done to the journals has been seen to. How many sessions readers have seen that are not
        there any more; they are missed this once.
        """

        def work(connection: sqlite3.Connection) -> int:
            heads = self._database.heads
            missing = heads.forget_beyond({row[0] for row in connection.execute("SELECT number FROM sessions")})
            heads.run()
            return missing

        return await self._database.read(work)

    @property
    def is_doubtful(self) -> bool:
        """The machine went down while the last node ran: whether its disk has kept everything cannot be known."""
        return self._database.heads.last_end == "halted"

    async def renew(self, number: int, epoch: str) -> None:
        """From now on what readers have seen of this session counts for nothing."""
        await self._database.execute("UPDATE sessions SET epoch = ? WHERE number = ?", (epoch, number))

    async def append(self, number: int, entries: Sequence[Entry], checkpoint: Checkpoint | None) -> None:
        """Write events, which must follow the last one without a gap, and the checkpoint if there is one.

        What is then handed out is noted: see `heads`. What was kept as unfinished goes.
        """
        events = [(number, entry.seq, entry.body) for entry in entries]
        names = [(number, *entry.name, entry.seq) for entry in entries if entry.name is not None]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT INTO events (session, seq, body) VALUES (?, ?, ?)", events)
            connection.execute("DELETE FROM unfinished WHERE session = ?", (number,))
            if names:
                connection.executemany(
                    "INSERT OR REPLACE INTO names (session, kind, name, seq) VALUES (?, ?, ?, ?)", names
                )
            if checkpoint is not None:
                connection.execute(
                    "UPDATE sessions SET folded = ?, folded_head = ? WHERE number = ?",
                    (checkpoint.state, checkpoint.head, number),
                )

        head = entries[-1].seq
        await self._database.write(work, committed=lambda: self._database.heads.note(number, head))

    def keep_unfinished(self, number: int, body: bytes) -> None:
        """What is open in the journal now, written soon; the next `append` makes an end of it."""
        self._database.execute_soon("INSERT OR REPLACE INTO unfinished (session, body) VALUES (?, ?)", (number, body))

    def set_seen(self, number: int, seq: int) -> None:
        """Somebody has looked at the session up to `seq`; written soon."""
        self._database.execute_soon("UPDATE sessions SET seen = ? WHERE number = ?", (seq, number))

    async def page(self, number: int, *, after: int, until: int, limit: int, max_bytes: int) -> list[bytes]:
        """Events with after < seq <= until in order; at most `limit`, and at most `max_bytes` but at least one."""
        return await self._database.read(
            lambda connection: _cut(
                connection.execute(
                    "SELECT body FROM events WHERE session = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
                    (number, after, until, limit),
                ),
                max_bytes,
            )
        )

    async def page_before(self, number: int, *, before: int, limit: int, max_bytes: int) -> list[bytes]:
        """The last events with seq < before, in order; bounds as for `page`."""
        newest_first = await self._database.read(
            lambda connection: _cut(
                connection.execute(
                    "SELECT body FROM events WHERE session = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
                    (number, before, limit),
                ),
                max_bytes,
            )
        )
        return newest_first[::-1]

    async def marks(self, number: int, types: Sequence[str], read: Callable[[bytes], Result]) -> list[Result]:
        """What `read` makes of each event of these types, in order. It runs on the database's thread."""
        heads = [f'{{"type":"{name}"'.encode() for name in types]
        is_one = " OR ".join("substr(body, 1, ?) = ?" for _ in heads)
        bounds = [part for head in heads for part in (len(head), head)]

        def work(connection: sqlite3.Connection) -> list[Result]:
            rows = connection.execute(
                f"SELECT body FROM events WHERE session = ? AND ({is_one}) ORDER BY seq",  # noqa: S608 - of constants
                (number, *bounds),
            )
            return [read(body) for (body,) in rows]

        return await self._database.read(work)

    async def find(self, number: int, kind: NameKind, name: str) -> tuple[int, bytes] | None:
        """`seq` and JSON of the event with this name."""

        def work(connection: sqlite3.Connection) -> tuple[int, bytes] | None:
            row = connection.execute(
                "SELECT seq, body FROM names JOIN events USING (session, seq)"
                " WHERE session = ? AND kind = ? AND name = ?",
                (number, kind, name),
            ).fetchone()
            return None if row is None else (int(row["seq"]), bytes(row["body"]))

        return await self._database.read(work)

    async def delete(self, number: int) -> None:
        """Remove the session and its journal."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM sessions WHERE number = ?", (number,))

        await self._database.write(work, committed=lambda: self._database.heads.note(number, 0))


def _unfilled(connection: sqlite3.Connection) -> list[int]:
    return [row["number"] for row in connection.execute("SELECT number FROM sessions WHERE is_filling")]


def _load(connection: sqlite3.Connection, heads: Heads) -> list[Stored]:
    found = []
    for row in connection.execute("SELECT * FROM sessions ORDER BY number").fetchall():
        checkpoint = None if row["folded"] is None else Checkpoint(row["folded_head"], row["folded"])
        tail = connection.execute(
            "SELECT body FROM events WHERE session = ? AND seq > ? ORDER BY seq", (row["number"], row["folded_head"])
        )
        unfinished = connection.execute("SELECT body FROM unfinished WHERE session = ?", (row["number"],)).fetchone()
        found.append(
            Stored(
                number=row["number"],
                id=SessionId(row["id"]),
                epoch=row["epoch"],
                seen=row["seen"],
                handed_out=heads.get(row["number"]),
                checkpoint=checkpoint,
                tail=[each["body"] for each in tail],
                unfinished=None if unfinished is None else bytes(unfinished["body"]),
            )
        )
    return found


def _cut(rows: sqlite3.Cursor, max_bytes: int) -> list[bytes]:
    found: list[bytes] = []
    for (body,) in rows:
        max_bytes -= len(body)
        if found and max_bytes < 0:
            break
        found.append(body)
    rows.close()
    return found
