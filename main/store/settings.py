"""Settings that Main makes for itself and keeps: secrets, its own id, the recorded local node."""

import aiosqlite

from main.store.database import Database


class Settings:
    """Texts by key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, key: str) -> str | None:
        """The value of `key`, None when it was never put."""
        row = await self._database.read_one("SELECT value FROM settings WHERE key = ?", (key,))
        return None if row is None else str(row["value"])

    async def put(self, key: str, value: str) -> None:
        """Set or replace."""
        await self._database.execute(
            "INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, value),
        )

    async def remove(self, key: str) -> None:
        """Forget `key`; a missing one is fine."""
        await self._database.execute("DELETE FROM settings WHERE key = ?", (key,))

    async def get_or_make(self, key: str, value: str) -> str:
        """What is kept under `key`, which is `value` if nothing was."""

        async def work(connection: aiosqlite.Connection) -> str:
            await connection.execute("INSERT OR IGNORE INTO settings (key, value) VALUES (?, ?)", (key, value))
            rows = await connection.execute_fetchall("SELECT value FROM settings WHERE key = ?", (key,))
            return str(next(iter(rows))["value"])

        return await self._database.write(work)
