"""Identities of nodes. Main keeps the hash of a node's secret and, to dial it, its own."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import cast

import msgspec

from main.store.database import Database, Row
from ws.protocol.base import NodeId, Struct, now
from ws.protocol.nodes import Capabilities, Labels, Mode


class About(Struct, frozen=True, kw_only=True):
    """What a node last said of itself."""

    name: str
    platform: str
    version: str
    labels: Labels
    capabilities: Capabilities
    home: str | None = None


@dataclass(frozen=True)
class Identity:
    """One known node. `is_confirmed` is false until it has said that it keeps the secrets of its first contact.

    `address` is the entry of `main.node_addresses` that led to it, None for a node that comes by itself.
    """

    id: NodeId
    name: str
    mode: Mode
    is_local: bool
    is_confirmed: bool
    secret_hash: bytes
    main_secret: str
    about: About
    last_seen: str | None
    address: str | None = None

    @property
    def proof_key(self) -> bytes:
        """What both know of the node's secret without Main keeping it: the key of its proofs (ws.proof)."""
        return self.secret_hash

    def owns(self, secret: str) -> bool:
        """Whether `secret` is the node's own."""
        return hmac.compare_digest(hash_secret(secret), self.secret_hash)


def hash_secret(secret: str) -> bytes:
    """SHA-256: the secrets are 32 random bytes, so a slow hash would guard nothing."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def _identity_of(row: Row) -> Identity:
    return Identity(
        id=NodeId(row["id"]),
        name=row["name"],
        mode=cast("Mode", row["mode"]),
        is_local=bool(row["is_local"]),
        is_confirmed=bool(row["is_confirmed"]),
        secret_hash=row["secret_hash"],
        main_secret=row["main_secret"],
        about=msgspec.json.decode(row["about"], type=About),
        last_seen=row["last_seen"],
        address=row["address"],
    )


class Identities:
    """The table of nodes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Identity]:
        """In the order of their joining."""
        return [_identity_of(row) for row in await self._database.read("SELECT * FROM nodes ORDER BY joined, id")]

    async def put(self, identity: Identity) -> None:
        """Add the node, or replace all that is known of it but the time of its joining."""
        values = (
            identity.id,
            identity.name,
            identity.mode,
            identity.is_local,
            identity.is_confirmed,
            identity.secret_hash,
            identity.main_secret,
            msgspec.json.encode(identity.about),
            now(),
            identity.last_seen,
            identity.address,
        )
        await self._database.execute(
            "INSERT INTO nodes (id, name, mode, is_local, is_confirmed, secret_hash, main_secret, about, joined,"
            " last_seen, address) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " name = excluded.name, mode = excluded.mode, is_local = excluded.is_local,"
            " is_confirmed = excluded.is_confirmed, secret_hash = excluded.secret_hash,"
            " main_secret = excluded.main_secret, about = excluded.about,"
            " last_seen = excluded.last_seen, address = excluded.address",
            values,
        )

    async def remove(self, node: NodeId) -> None:
        """Forget the node; its cached sessions go with it."""
        await self._database.execute("DELETE FROM nodes WHERE id = ?", (node,))
