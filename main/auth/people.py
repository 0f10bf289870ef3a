"""The people of this Main: owners add them, share nodes with them, and take that back."""

import secrets
import time
from collections.abc import Mapping, Sequence

from main.auth.access import LiveAccess, Principal
from main.auth.passwords import Passwords
from main.auth.service import check_password, check_username
from main.store import Store
from main.store.users import Account as Row
from main.store.users import no_such_user, wire_grants
from ws.protocol.accounts import Account, Grant, UserCreateParams, UserSetPasswordParams, UserUpdateParams
from ws.protocol.base import UserId
from ws.protocol.envelope import Role
from ws.protocol.errors import ErrorCode, WireError, invalid

MAX_USERS = 1000


class People:
    """The service behind the ops users.*; who may call them is decided before."""

    def __init__(self, store: Store, passwords: Passwords, live: LiveAccess) -> None:
        self._store = store
        self._passwords = passwords
        self._live = live

    async def list(self) -> list[Account]:
        """Everybody, in the order of their coming."""
        return await self._store.users.listed(int(time.time()))

    async def create(self, params: UserCreateParams) -> Account:
        """Add somebody. Raises WireError: `invalid`, `conflict` when the name is taken."""
        grants = _by_node(params.grants)
        check_username(params.username)
        check_password(params.password, "password")
        if len(await self.list()) >= MAX_USERS:
            raise WireError(ErrorCode.CONFLICT, f"This Main has {MAX_USERS} users: remove one of them first.")
        async with self._passwords.slot():
            hashed = await self._passwords.hash(params.password)
        user = UserId(secrets.token_urlsafe(12))
        await self._store.users.add(
            Row(id=user, name=params.username, role=params.role, password=hashed, grants=grants)
        )
        return await self._shown(user)

    async def update(self, params: UserUpdateParams) -> Account:
        """Change name, role or grants; what the user has open ends when the rights have changed.

        Raises WireError: `not_found`, `invalid`, `conflict` when the name is taken and for the last owner.
        """
        grants = None if params.grants is None else _by_node(params.grants)
        if params.username is not None:
            check_username(params.username)
        before, after = await self._store.users.update(
            params.user, name=params.username, role=params.role, grants=grants
        )
        if (before.name, before.role, before.grants) != (after.name, after.role, after.grants):
            self._live.end_user(after.id)
        return await self._shown(after.id)

    async def set_password(self, principal: Principal, params: UserSetPasswordParams) -> str:
        """A new password for somebody else, whose logins and sockets end; their name. Raises WireError."""
        if params.user == principal.user:
            raise WireError(
                ErrorCode.FORBIDDEN,
                "This is for other people's passwords: change your own with the current one (users.change_password).",
            )
        check_password(params.password, "password")
        account = await self._store.users.by_id(params.user)
        if account is None:
            raise no_such_user()
        async with self._passwords.slot():
            hashed = await self._passwords.hash(params.password)
        if not await self._store.users.set_password(params.user, hashed):
            raise no_such_user()
        await self._store.logins.remove_others(params.user)
        self._live.end_user(account.id)
        return account.name

    async def remove(self, user: str) -> str:
        """Remove somebody with logins, tokens and grants; what they have open ends. Their name. Raises WireError."""
        account = await self._store.users.remove(user)
        self._live.end_user(account.id)
        return account.name

    async def _shown(self, user: str) -> Account:
        found = await self._store.users.listed(int(time.time()), user)
        if not found:
            raise no_such_user()
        return found[0]


def _by_node(grants: Sequence[Grant]) -> Mapping[str, Role]:
    """Raises WireError `invalid` when one node stands there twice."""
    by_node: dict[str, Role] = {grant.node: grant.role for grant in grants}
    if len(by_node) < len(grants):
        raise invalid("grants", "Each node stands once in the grants.")
    return by_node


def rights_in_words(account: Account | Row) -> str:
    """For the audit: `vera: viewer; *=viewer laptop=member`."""
    grants = account.grants if isinstance(account, Account) else wire_grants(account.grants)
    shared = " ".join(f"{grant.node}={grant.role}" for grant in grants) or "no machine"
    return f"{account.name}: {account.role}; {shared}"
