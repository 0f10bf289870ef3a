"""What people keep on Main: how far they have looked, drafts, settings of the page. Bounded for each person."""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import aiosqlite
import msgspec

from main.store.database import Database, Row
from ws.protocol.base import NodeId, SessionId, UserId, now
from ws.protocol.personal import Draft, PersonalSetting

MAX_MARKS = 2000
"""Of one person. Who looks at more has the oldest marks dropped, and their sessions count as looked at."""

MAX_DRAFTS = 200
MAX_DRAFT_BYTES = 2 * 1024 * 1024
"""Of all drafts of one person together, as JSON: with marks and settings they fit one answer."""

MAX_SETTINGS = 100
MAX_SETTING_BYTES = 256 * 1024

Place = tuple[NodeId, SessionId]
Kind = Literal["draft", "setting"]


class Looked(NamedTuple):
    """How far, and when."""

    seq: int
    touched: str


class PersonalRows:
    """The tables `marks` and `kept`. What belongs to no user or node any more is not written."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def looked(self, user: UserId) -> tuple[str, dict[Place, Looked]]:
        """Since when the person looks at all, and their marks, the longest untouched first."""
        found = await self._database.read_one("SELECT looked_since FROM users WHERE id = ?", (user,))
        rows = await self._database.read(
            "SELECT node, session, seq, touched FROM marks WHERE user = ? ORDER BY touched, node, session", (user,)
        )
        marks = {(NodeId(row["node"]), SessionId(row["session"])): Looked(row["seq"], row["touched"]) for row in rows}
        return ("" if found is None else str(found["looked_since"])), marks

    async def mark(self, user: UserId, marks: Mapping[Place, Looked], since: str) -> None:
        """Set marks, none of which goes back, and `since`; the oldest beyond MAX_MARKS go."""
        rows = [(user, node, session, *looked) for (node, session), looked in marks.items()]

        async def work(connection: aiosqlite.Connection) -> None:
            await connection.executemany(
                "INSERT INTO marks (user, node, session, seq, touched) SELECT ?1, ?2, ?3, ?4, ?5 WHERE"
                " EXISTS (SELECT 1 FROM users WHERE id = ?1) AND EXISTS (SELECT 1 FROM nodes WHERE id = ?2)"
                " ON CONFLICT (user, node, session) DO UPDATE SET seq = max(seq, excluded.seq),"
                " touched = excluded.touched",
                rows,
            )
            await connection.execute("UPDATE users SET looked_since = max(looked_since, ?) WHERE id = ?", (since, user))
            await connection.execute(
                "DELETE FROM marks WHERE user = ?1 AND (node, session) IN (SELECT node, session FROM marks"
                " WHERE user = ?1 ORDER BY touched DESC, node DESC, session DESC LIMIT -1 OFFSET ?2)",
                (user, MAX_MARKS),
            )

        await self._database.write(work)

    async def unmark(self, places: Iterable[Place]) -> list[tuple[UserId, str]]:
        """These sessions are gone: marks and drafts go, whoever's they are. Returns users and keys of such drafts."""
        gone = list(places)

        async def work(connection: aiosqlite.Connection) -> list[tuple[UserId, str]]:
            await connection.executemany("DELETE FROM marks WHERE node = ? AND session = ?", gone)
            drafts: list[Row] = []
            for node, session in gone:
                drafts += await connection.execute_fetchall(
                    "DELETE FROM kept WHERE kind = 'draft' AND key = ? RETURNING user, key", (f"{node}/{session}",)
                )
            return [(UserId(row["user"]), str(row["key"])) for row in drafts]

        return await self._database.write(work)

    async def drafts(self, user: UserId) -> list[Draft]:
        """The longest untouched first."""
        rows = await self._kept(user, "draft")
        return [Draft(key=row["key"], text=row["value"], device=row["device"]) for row in rows]

    async def settings(self, user: UserId) -> list[PersonalSetting]:
        """The longest untouched first."""
        return [PersonalSetting(name=row["key"], value=row["value"]) for row in await self._kept(user, "setting")]

    async def put_draft(self, user: UserId, draft: Draft) -> list[str]:
        """Set, replace or (without text) forget one. Returns the keys of those that went for it."""
        return await self._put(user, "draft", draft.key, draft.text or None, draft.device, MAX_DRAFTS, MAX_DRAFT_BYTES)

    async def put_setting(self, user: UserId, setting: PersonalSetting) -> list[str]:
        """Set, replace or (None) forget one. Returns the names of those that went for it."""
        return await self._put(user, "setting", setting.name, setting.value, "", MAX_SETTINGS, MAX_SETTING_BYTES)

    async def _kept(self, user: UserId, kind: Kind) -> list[Row]:
        return await self._database.read(
            "SELECT key, value, device FROM kept WHERE user = ? AND kind = ? ORDER BY touched, key", (user, kind)
        )

    async def _put(
        self, user: UserId, kind: Kind, key: str, value: str | None, device: str, most: int, most_bytes: int
    ) -> list[str]:
        """The oldest beyond the bounds go, never the one that was put."""
        if value is None:
            await self._database.execute("DELETE FROM kept WHERE user = ? AND kind = ? AND key = ?", (user, kind, key))
            return []
        row = (user, kind, key, value, device, len(msgspec.json.encode(value)), now())

        async def work(connection: aiosqlite.Connection) -> list[str]:
            await connection.execute(
                "INSERT INTO kept (user, kind, key, value, device, bytes, touched) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7"
                " WHERE EXISTS (SELECT 1 FROM users WHERE id = ?1) ON CONFLICT (user, kind, key) DO UPDATE SET"
                " value = excluded.value, device = excluded.device, bytes = excluded.bytes, touched = excluded.touched",
                row,
            )
            rows = await connection.execute_fetchall(
                "SELECT key, bytes FROM kept WHERE user = ? AND kind = ? ORDER BY key = ? DESC, touched DESC, key DESC",
                (user, kind, key),
            )
            going, total_bytes = list[str](), 0
            for place, (other, size_bytes) in enumerate(rows, 1):
                total_bytes += size_bytes
                if place > most or (place > 1 and total_bytes > most_bytes):
                    going.append(other)
            await connection.executemany(
                "DELETE FROM kept WHERE user = ? AND kind = ? AND key = ?", [(user, kind, other) for other in going]
            )
            return going

        return await self._database.write(work)
