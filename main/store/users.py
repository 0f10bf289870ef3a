"""Accounts."""

import unicodedata
from dataclasses import dataclass
from typing import cast

from main.store.database import Database, Row
from ws.protocol.accounts import User
from ws.protocol.base import UserId, now
from ws.protocol.envelope import Role


@dataclass(frozen=True)
class Account:
    """A user with the bcrypt hash of the password."""

    id: UserId
    name: str
    role: Role
    password: str

    @property
    def public(self) -> User:
        """What the user and the page may see."""
        return User(id=self.id, name=self.name, role=self.role)


def name_key(name: str) -> str:
    """The form in which names are compared: two that look alike are one."""
    return unicodedata.normalize("NFKC", name).casefold()


def account_of(row: Row) -> Account:
    return Account(id=UserId(row["id"]), name=row["name"], role=cast("Role", row["role"]), password=row["password"])


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

    async def by_name(self, name: str) -> Account | None:
        row = await self._database.read_one("SELECT * FROM users WHERE name_key = ?", (name_key(name),))
        return None if row is None else account_of(row)

    async def by_id(self, user: UserId) -> Account | None:
        row = await self._database.read_one("SELECT * FROM users WHERE id = ?", (user,))
        return None if row is None else account_of(row)

    async def set_password(self, user: UserId, password: str) -> None:
        """Replace the bcrypt hash."""
        await self._database.execute("UPDATE users SET password = ? WHERE id = ?", (password, user))
