"""The node's memory: sessions with their journals, identity, agent processes, pinned projects. The only SQL here."""

from dataclasses import dataclass
from pathlib import Path

from node.store.database import Database
from node.store.hidden import HiddenNatives
from node.store.identity import IdentityStore
from node.store.journals import Journals
from node.store.processes import AgentProcesses
from node.store.projects import PinnedProjects
from ws.database.failures import StoreError


@dataclass(frozen=True)
class Store:
    """The open database and a repository for each table."""

    database: Database
    journals: Journals
    hidden: HiddenNatives
    identity: IdentityStore
    processes: AgentProcesses
    pinned: PinnedProjects

    async def close(self) -> None:
        """Write what waits and release the lock."""
        await self.database.close()


async def open_store(path: Path, *, is_local: bool = False) -> Store:
    """Open the node's database, making or migrating it. Raises StoreError with one sentence."""
    database = await Database.open(path, is_local=is_local)
    return Store(
        database=database,
        journals=Journals(database),
        hidden=HiddenNatives(database),
        identity=IdentityStore(database),
        processes=AgentProcesses(database),
        pinned=PinnedProjects(database),
    )


__all__ = ["Store", "StoreError", "open_store"]
