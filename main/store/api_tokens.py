"""API tokens: keys of programs. Main keeps their hashes; the token itself is shown once and kept nowhere."""

import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import aiosqlite
import msgspec

from main.store.database import Database, Row
from main.store.nodes import hash_secret
from main.store.users import Account, account_of
from ws.protocol.accounts import ApiToken, Scope
from ws.protocol.base import now
from ws.protocol.errors import ErrorCode, WireError

NOTE_USE_AFTER_S = 60
"""A used token is noted at most this often."""

MAX_TOKENS = 100
"""Of one user: a program that makes them in a loop fills no table."""

_NODES = "(SELECT json_group_array(node) FROM api_token_nodes WHERE token = api_tokens.id) AS nodes"
_SELECT = (
    "SELECT api_tokens.id AS token_id, api_tokens.name AS token_name, api_tokens.created AS token_created,"
    f" api_tokens.user, secret_hash, scopes, has_nodes, expires_s, used_s, {_NODES}, accounts.name AS user_name"
)


@dataclass(frozen=True)
class TokenRow:
    """`nodes` None: every node of the user. Moments are Unix time; `expires_s` None: until it is revoked."""

    id: str
    user: str
    user_name: str
    name: str
    scopes: tuple[Scope, ...]
    nodes: tuple[str, ...] | None
    created: str
    expires_s: int | None
    used_s: int | None
    secret_hash: bytes

    def owns(self, secret: str) -> bool:
        """Whether `secret` is this very token."""
        return hmac.compare_digest(hash_secret(secret), self.secret_hash)

    def is_due(self, time_s: float) -> bool:
        """Whether its use is worth noting."""
        return self.used_s is None or self.used_s + NOTE_USE_AFTER_S < time_s

    @property
    def public(self) -> ApiToken:
        """As its user and owners see it."""
        return ApiToken(
            id=self.id,
            name=self.name,
            scopes=list(self.scopes),
            created=self.created,
            last_used=_moment(self.used_s),
            expires=_moment(self.expires_s),
            user=self.user_name,
            nodes=None if self.nodes is None else list(self.nodes),
        )


def _moment(time_s: int | None) -> str | None:
    return None if time_s is None else datetime.fromtimestamp(time_s, UTC).isoformat().replace("+00:00", "Z")


def _token_of(row: Row) -> TokenRow:
    return TokenRow(
        id=row["token_id"],
        user=row["user"],
        user_name=row["user_name"],
        name=row["token_name"],
        scopes=msgspec.json.decode(row["scopes"], type=tuple[Scope, ...]),
        nodes=tuple(sorted(msgspec.json.decode(row["nodes"], type=list[str]))) if row["has_nodes"] else None,
        created=row["token_created"],
        expires_s=row["expires_s"],
        used_s=row["used_s"],
        secret_hash=row["secret_hash"],
    )


class ApiTokens:
    """The table of API tokens. Expired rows open nothing, and stay to be seen until they are revoked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        *,
        token: str,
        user: str,
        name: str,
        secret: str,
        scopes: Sequence[Scope],
        nodes: Sequence[str] | None,
        expires_s: int | None,
    ) -> None:
        """Keep the hash of `secret`. Raises WireError `conflict` when the user has too many."""

        async def work(connection: aiosqlite.Connection) -> None:
            rows = await connection.execute_fetchall("SELECT count(*) AS n FROM api_tokens WHERE user = ?", (user,))
            if next(iter(rows))["n"] >= MAX_TOKENS:
                raise WireError(ErrorCode.CONFLICT, f"You have {MAX_TOKENS} API tokens: revoke one of them first.")
            await connection.execute(
                "INSERT INTO api_tokens (id, user, name, secret_hash, scopes, has_nodes, created, expires_s)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    token,
                    user,
                    name,
                    hash_secret(secret),
                    msgspec.json.encode(scopes).decode(),
                    nodes is not None,
                    now(),
                    expires_s,
                ),
            )
            await connection.executemany(
                "INSERT INTO api_token_nodes (token, node) VALUES (?, ?)", [(token, node) for node in nodes or ()]
            )

        await self._database.write(work)

    async def find(self, token: str) -> tuple[TokenRow, Account] | None:
        """The token of that id, unless it has expired, with its user."""
        row = await self._database.read_one(
            f"{_SELECT}, accounts.* FROM api_tokens JOIN accounts ON accounts.id = api_tokens.user"
            " WHERE api_tokens.id = ? AND (expires_s IS NULL OR expires_s > ?)",
            (token, int(time.time())),
        )
        return None if row is None else (_token_of(row), account_of(row))

    async def list(self, user: str | None) -> list[TokenRow]:
        """Of one user or (None) of all, the newest first."""
        rows = await self._database.read(
            f"{_SELECT} FROM api_tokens JOIN accounts ON accounts.id = api_tokens.user"
            " WHERE ?1 IS NULL OR api_tokens.user = ?1 ORDER BY api_tokens.created DESC, api_tokens.id",
            (user,),
        )
        return [_token_of(row) for row in rows]

    async def note_use(self, token: str) -> None:
        """It has been used now."""
        await self._database.execute("UPDATE api_tokens SET used_s = ? WHERE id = ?", (int(time.time()), token))

    async def remove(self, token: str, user: str | None) -> str | None:
        """End a token of that user, or (None) of any; its name, None when there is none such."""

        async def work(connection: aiosqlite.Connection) -> str | None:
            rows = list(
                await connection.execute_fetchall(
                    "SELECT name FROM api_tokens WHERE id = ?1 AND (?2 IS NULL OR user = ?2)", (token, user)
                )
            )
            await connection.execute(
                "DELETE FROM api_tokens WHERE id = ?1 AND (?2 IS NULL OR user = ?2)", (token, user)
            )
            return str(rows[0]["name"]) if rows else None

        return await self._database.write(work)
