"""Agent processes that are alive as far as the node knows; those still recorded at a start are leftovers."""

import sqlite3

from node.store.database import Database
from providers.base import AgentProcess


class AgentProcesses:
    """The table of recorded processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[AgentProcess]:
        return await self._database.read(_all)

    def add(self, process: AgentProcess) -> None:
        """Written soon: an agent's start does not wait for it."""
        self._database.execute_soon(
            "INSERT OR REPLACE INTO processes (pid, start_time, command, mark) VALUES (?, ?, ?, ?)",
            (process.pid, process.start_time, process.command, process.mark),
        )

    def remove(self, process: AgentProcess) -> None:
        """Forget one, soon; a missing one is fine."""
        self._database.execute_soon(
            "DELETE FROM processes WHERE pid = ? AND start_time = ?", (process.pid, process.start_time)
        )


def _all(connection: sqlite3.Connection) -> list[AgentProcess]:
    rows = connection.execute("SELECT pid, start_time, command, mark FROM processes")
    return [AgentProcess(*row) for row in rows]
