"""Pinned projects."""

import sqlite3

from node.store.database import Database


class PinnedProjects:
    """Absolute paths that somebody wants to keep in the list of projects."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> list[str]:
        """Sorted."""
        return await self._database.read(_paths)

    async def add(self, path: str) -> None:
        """Pin; a pinned one stays pinned."""
        await self._database.execute("INSERT OR IGNORE INTO pinned (path) VALUES (?)", (path,))

    async def remove(self, path: str) -> None:
        """Unpin; a missing one is fine."""
        await self._database.execute("DELETE FROM pinned WHERE path = ?", (path,))


def _paths(connection: sqlite3.Connection) -> list[str]:
    return [row["path"] for row in connection.execute("SELECT path FROM pinned ORDER BY path")]
