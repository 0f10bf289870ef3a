"""Logins: one row for each signed-in device. A token is worth what its row says; without a row it is worth nothing."""

import time
from dataclasses import dataclass

from main.store.database import Database, Row
from main.store.users import Account, account_of
from ws.protocol.base import LoginId, UserId, now

LOGIN_LIFE_S = 30 * 86400
"""A login that is not used for this long is over."""

SLIDE_AFTER_S = 3600
"""A used login is moved on at most this often: a write an hour is cheap, one a request is not."""


@dataclass(frozen=True)
class LoginRow:
    id: LoginId
    user: UserId
    created: str
    last_seen: str
    expires_s: int
    address: str
    user_agent: str

    def is_due(self, time_s: float) -> bool:
        """Whether its use is worth noting by `slide`."""
        return self.expires_s - LOGIN_LIFE_S + SLIDE_AFTER_S < time_s


def _login_of(row: Row) -> LoginRow:
    return LoginRow(
        id=LoginId(row["login_id"]),
        user=UserId(row["user"]),
        created=row["login_created"],
        last_seen=row["last_seen"],
        expires_s=row["expires_s"],
        address=row["address"],
        user_agent=row["user_agent"],
    )


_SELECT = (
    "SELECT logins.id AS login_id, logins.user, logins.created AS login_created, last_seen, expires_s, address,"
    " user_agent"
)


class Logins:
    """The table of logins. Expired rows are as good as absent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, login: LoginId, account: Account, address: str, user_agent: str) -> bool:
        """Begin a login; its life starts now. Sweeps out what has expired.

        False when the account has gone or got another password since it was read: then there is no login.
        """
        moment, time_s = now(), int(time.time())
        await self._database.execute("DELETE FROM logins WHERE expires_s <= ?", (time_s,))
        added = await self._database.execute(
            "INSERT INTO logins (id, user, created, last_seen, expires_s, address, user_agent)"
            " SELECT ?, id, ?, ?, ?, ?, ? FROM users WHERE id = ? AND password = ?",
            (login, moment, moment, time_s + LOGIN_LIFE_S, address, user_agent, account.id, account.password),
        )
        return added == 1

    async def find(self, login: str) -> tuple[LoginRow, Account] | None:
        """The living login with its user."""
        row = await self._database.read_one(
            f"{_SELECT}, accounts.* FROM logins JOIN accounts ON accounts.id = logins.user"
            " WHERE logins.id = ? AND expires_s > ?",
            (login, int(time.time())),
        )
        return None if row is None else (_login_of(row), account_of(row))

    async def of_user(self, user: str) -> list[LoginRow]:
        """Living logins, the most recently used first."""
        rows = await self._database.read(
            f"{_SELECT} FROM logins WHERE user = ? AND expires_s > ? ORDER BY last_seen DESC, id",
            (user, int(time.time())),
        )
        return [_login_of(row) for row in rows]

    async def slide(self, login: LoginId) -> None:
        """The login has been used: its 30 days begin anew."""
        await self._database.execute(
            "UPDATE logins SET last_seen = ?, expires_s = ? WHERE id = ?",
            (now(), int(time.time()) + LOGIN_LIFE_S, login),
        )

    async def remove(self, user: UserId, login: str) -> bool:
        """End one login of that user; False when there is none such."""
        return await self._database.execute("DELETE FROM logins WHERE id = ? AND user = ?", (login, user)) == 1

    async def remove_others(self, user: str, kept: LoginId | None = None) -> None:
        """End all logins of the user but one, or all."""
        await self._database.execute("DELETE FROM logins WHERE user = ? AND id <> ?", (user, kept or ""))
