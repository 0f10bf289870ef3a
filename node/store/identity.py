"""Who this node is to its Main: the two secrets that were exchanged at first contact."""

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from node.store.database import Database

_KEYS = ("node_secret", "main_secret_hash", "main_id", "register_token_hash", "identity_revoked")


@dataclass(frozen=True)
class Identity:
    """What first contact left. `is_revoked` is set once Main has refused or removed it."""

    node_secret: str
    main_secret_hash: str
    main_id: str
    is_revoked: bool = False
    register_token_hash: str = ""

    def accepts(self, main_secret: str) -> bool:
        """Whether `main_secret` is what this Main presents when it dials."""
        return hmac.compare_digest(_hash(main_secret), self.main_secret_hash)

    def came_by(self, register_token: str) -> bool:
        """Whether first contact was made with that token; True where that is not known."""
        return self.register_token_hash in {"", _hash(register_token)}


class IdentityStore:
    """At most one identity: a node belongs to one Main."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> Identity | None:
        """None before the first contact."""
        found = await self._database.read(_settings)
        if "node_secret" not in found:
            return None
        return Identity(
            node_secret=found["node_secret"],
            main_secret_hash=found.get("main_secret_hash", ""),
            main_id=found.get("main_id", ""),
            is_revoked="identity_revoked" in found,
            register_token_hash=found.get("register_token_hash", ""),
        )

    async def save(self, *, node_secret: str, main_secret: str, main_id: str, register_token: str) -> None:
        """Replace the identity; of Main's secret and of the token only the hashes are kept."""
        values = {
            "node_secret": node_secret,
            "main_secret_hash": _hash(main_secret),
            "main_id": main_id,
            "register_token_hash": _hash(register_token),
        }

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM settings WHERE key = ?", [(key,) for key in _KEYS])
            connection.executemany("INSERT INTO settings (key, value) VALUES (?, ?)", values.items())

        await self._database.write(work)

    async def revoke(self) -> None:
        """Main does not want this node any more; the next start may make first contact again."""
        await self._database.execute(
            "INSERT OR REPLACE INTO settings (key, value) SELECT 'identity_revoked', '1'"
            " WHERE EXISTS (SELECT 1 FROM settings WHERE key = 'node_secret')"
        )

    async def reinstate(self) -> None:
        """Main has taken this node after all."""
        await self._database.execute("DELETE FROM settings WHERE key = 'identity_revoked'")


def new_secret() -> str:
    """32 random bytes, URL-safe base64 (43 characters)."""
    return secrets.token_urlsafe(32)


def _settings(connection: sqlite3.Connection) -> Mapping[str, str]:
    return {row["key"]: row["value"] for row in connection.execute("SELECT key, value FROM settings")}


def _hash(secret: str) -> str:
    """SHA-256: the secrets are 32 random bytes, so a slow hash would guard nothing."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
