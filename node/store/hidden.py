"""Sessions of an agent's own that somebody has removed from the list; the agent's transcripts stay."""

import sqlite3

from node.store.database import Database

Native = tuple[str, str]
"""A provider, and its id of the session."""


class HiddenNatives:
    """The table of hidden sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> set[Native]:
        return await self._database.read(_all)

    async def add(self, native: Native) -> None:
        """Hide; a hidden one stays hidden."""
        await self._database.execute("INSERT OR IGNORE INTO hidden (provider, native_id) VALUES (?, ?)", native)

    async def remove(self, native: Native) -> None:
        """Show again; one that is not hidden is fine."""
        await self._database.execute("DELETE FROM hidden WHERE provider = ? AND native_id = ?", native)


def _all(connection: sqlite3.Connection) -> set[Native]:
    return {(row["provider"], row["native_id"]) for row in connection.execute("SELECT * FROM hidden")}
