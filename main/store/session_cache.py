"""Main's copy of the session lists, so that an offline node still shows its sessions. The node owns the facts."""

import aiosqlite
import msgspec

from main.store.database import Database
from ws.protocol.base import NodeId
from ws.protocol.sessions import SessionSummary

_PUT = (
    "INSERT INTO sessions (node, id, body) SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM nodes WHERE id = ?1)"
    " ON CONFLICT (node, id) DO UPDATE SET body = excluded.body"
)
"""A node that was removed meanwhile gets no rows."""


class SessionCache:
    """The table of cached sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[SessionSummary]:
        """Of every node; rows that an older version wrote and this one cannot read are left out."""
        found = []
        for row in await self._database.read("SELECT body FROM sessions"):
            try:
                found.append(msgspec.json.decode(row["body"], type=SessionSummary))
            except msgspec.DecodeError:
                continue
        return found

    async def replace(self, node: NodeId, sessions: list[SessionSummary]) -> None:
        """Put the whole list of a node in the place of what was cached."""
        rows = [(node, each.id, msgspec.json.encode(each)) for each in sessions]

        async def work(connection: aiosqlite.Connection) -> None:
            await connection.execute("DELETE FROM sessions WHERE node = ?", (node,))
            await connection.executemany(_PUT, rows)

        await self._database.write(work)

    async def put(self, session: SessionSummary) -> None:
        """Add or replace one."""
        await self._database.execute(_PUT, (session.node, session.id, msgspec.json.encode(session)))

    async def remove(self, node: NodeId, session: str) -> None:
        """Forget one; a missing one is fine."""
        await self._database.execute("DELETE FROM sessions WHERE node = ? AND id = ?", (node, session))
