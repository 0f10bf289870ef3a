"""Main's memory: users and what they keep, logins, API tokens, node identities, audit, the cached session lists.

The only SQL of Main.
"""

from dataclasses import dataclass
from pathlib import Path

from main.store.api_tokens import ApiTokens
from main.store.audit import Audit
from main.store.database import Database
from main.store.logins import Logins
from main.store.nodes import Identities
from main.store.personal import PersonalRows
from main.store.session_cache import SessionCache
from main.store.settings import Settings
from main.store.users import Users
from ws.database.failures import StoreError


@dataclass(frozen=True)
class Store:
    """The open database and a repository for each table."""

    database: Database
    settings: Settings
    users: Users
    logins: Logins
    api_tokens: ApiTokens
    identities: Identities
    sessions: SessionCache
    audit: Audit
    personal: PersonalRows

    async def close(self) -> None:
        """Write what waits and release the lock."""
        await self.database.close()


async def open_store(path: Path) -> Store:
    """Open Main's database, making or migrating it. Raises StoreError with one sentence."""
    database = await Database.open(path, "main", Path(__file__).parent / "migrations")
    return Store(
        database=database,
        settings=Settings(database),
        users=Users(database),
        logins=Logins(database),
        api_tokens=ApiTokens(database),
        identities=Identities(database),
        sessions=SessionCache(database),
        audit=Audit(database),
        personal=PersonalRows(database),
    )


__all__ = ["Store", "StoreError", "open_store"]
