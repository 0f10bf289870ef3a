"""Accounts, and what each may do on which nodes."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import aiosqlite
import msgspec

from main.store.database import Database, Row
from ws.protocol import accounts
from ws.protocol.base import UserId, now
from ws.protocol.envelope import Role
from ws.protocol.errors import ErrorCode, WireError


@dataclass(frozen=True)
class Account:
    """A user with the bcrypt hash of the password. `grants` are roles by the id of a node, or `*`."""

    id: UserId
    name: str
    role: Role
    password: str
    grants: Mapping[str, Role] = field(default_factory=dict)

    @property
    def public(self) -> accounts.User:
        """What the user and the page may see."""
        return accounts.User(id=self.id, name=self.name, role=self.role)


def name_key(name: str) -> str:
    """The form in which names are compared: two that look alike are one."""
    return unicodedata.normalize("NFKC", name).casefold()


def account_of(row: Row) -> Account:
    """From a row of the view accounts."""
    return Account(
        id=UserId(row["id"]),
        name=row["name"],
        role=cast("Role", row["role"]),
        password=row["password"],
        grants=grants_of(row["grants"]),
    )


def grants_of(column: str) -> Mapping[str, Role]:
    """From the column of that name."""
    return msgspec.json.decode(column, type=dict[str, Role])


class Users:
    """The table of users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def any_exists(self) -> bool:
        """Whether Main has been set up."""
        return await self._database.read_one("SELECT 1 FROM users LIMIT 1") is not None

    async def add_first(self, account: Account) -> bool:
        """Add the account if there is none at all; False when somebody was faster."""
        added = await self._database.execute(
            "INSERT INTO users (id, name, name_key, password, role, created) SELECT ?, ?, ?, ?, ?, ?"
            " WHERE NOT EXISTS (SELECT 1 FROM users)",
            (account.id, account.name, name_key(account.name), account.password, account.role, now()),
        )
        return added == 1

    async def add(self, account: Account) -> None:
        """Add an account with its grants. Raises WireError `conflict` when the name is taken."""

        async def work(connection: aiosqlite.Connection) -> None:
            await _refuse_taken(connection, account.name, account.id)
            await connection.execute(
                "INSERT INTO users (id, name, name_key, password, role, created) VALUES (?, ?, ?, ?, ?, ?)",
                (account.id, account.name, name_key(account.name), account.password, account.role, now()),
            )
            await _put_grants(connection, account.id, account.grants)

        await self._database.write(work)

    async def update(
        self, user: str, *, name: str | None, role: Role | None, grants: Mapping[str, Role] | None
    ) -> tuple[Account, Account]:
        """Change what is not None; the account before and after, as one step.

        Raises WireError: `not_found`; `conflict` for a name that is taken, and for the last owner.
        """

        async def work(connection: aiosqlite.Connection) -> tuple[Account, Account]:
            before = await _get(connection, user)
            if name is not None:
                await _refuse_taken(connection, name, user)
                await connection.execute(
                    "UPDATE users SET name = ?, name_key = ? WHERE id = ?", (name, name_key(name), user)
                )
            if role is not None:
                await connection.execute("UPDATE users SET role = ? WHERE id = ?", (role, user))
                await _refuse_without_owner(connection, "made anything less")
            if grants is not None:
                await connection.execute("DELETE FROM grants WHERE user = ?", (user,))
                await _put_grants(connection, user, grants)
            return before, await _get(connection, user)

        return await self._database.write(work)

    async def remove(self, user: str) -> Account:
        """Remove an account with its grants, logins and API tokens. Raises WireError: `not_found`, `conflict`."""

        async def work(connection: aiosqlite.Connection) -> Account:
            before = await _get(connection, user)
            await connection.execute("DELETE FROM users WHERE id = ?", (user,))
            await _refuse_without_owner(connection, "removed")
            return before

        return await self._database.write(work)

    async def by_name(self, name: str) -> Account | None:
        row = await self._database.read_one("SELECT * FROM accounts WHERE name_key = ?", (name_key(name),))
        return None if row is None else account_of(row)

    async def by_id(self, user: str) -> Account | None:
        row = await self._database.read_one("SELECT * FROM accounts WHERE id = ?", (user,))
        return None if row is None else account_of(row)

    async def listed(self, time_s: int, user: str | None = None) -> list[accounts.Account]:
        """As owners see them, in the order of their making: all, or that one. `time_s` tells which logins live."""
        rows = await self._database.read(
            "SELECT accounts.*, max(logins.last_seen) AS seen, count(logins.id) AS living FROM accounts"
            " LEFT JOIN logins ON logins.user = accounts.id AND logins.expires_s > ?1"
            " WHERE ?2 IS NULL OR accounts.id = ?2 GROUP BY accounts.id ORDER BY accounts.created, accounts.id",
            (time_s, user),
        )
        return [
            accounts.Account(
                id=row["id"],
                name=row["name"],
                role=cast("Role", row["role"]),
                created=row["created"],
                last_seen=row["seen"],
                logins=row["living"],
                grants=wire_grants(grants_of(row["grants"])),
            )
            for row in rows
        ]

    async def set_password(self, user: str, password: str) -> bool:
        """Replace the bcrypt hash; False when there is no such user."""
        return await self._database.execute("UPDATE users SET password = ? WHERE id = ?", (password, user)) == 1


def wire_grants(grants: Mapping[str, Role]) -> list[accounts.Grant]:
    """In the order of the nodes' ids, the one for every node first."""
    return [
        accounts.Grant(node=node, role="member" if role == "member" else "viewer")
        for node, role in sorted(grants.items())
    ]


async def _get(connection: aiosqlite.Connection, user: str) -> Account:
    rows: Sequence[Row] = list(await connection.execute_fetchall("SELECT * FROM accounts WHERE id = ?", (user,)))
    if not rows:
        raise no_such_user()
    return account_of(rows[0])


def no_such_user() -> WireError:
    return WireError(ErrorCode.NOT_FOUND, "There is no such user.")


async def _refuse_taken(connection: aiosqlite.Connection, name: str, user: str) -> None:
    rows = await connection.execute_fetchall(
        "SELECT 1 FROM users WHERE name_key = ? AND id <> ?", (name_key(name), user)
    )
    if list(rows):
        raise WireError(
            ErrorCode.CONFLICT, f"Somebody is called {name} already, or almost the same: choose another name."
        )


async def _refuse_without_owner(connection: aiosqlite.Connection, done: str) -> None:
    if not list(await connection.execute_fetchall("SELECT 1 FROM users WHERE role = 'owner'")):
        raise WireError(ErrorCode.CONFLICT, f"The last owner cannot be {done}: make somebody else an owner first.")


async def _put_grants(connection: aiosqlite.Connection, user: str, grants: Mapping[str, Role]) -> None:
    await connection.executemany(
        "INSERT INTO grants (user, node, role) VALUES (?, ?, ?)", [(user, node, role) for node, role in grants.items()]
    )
