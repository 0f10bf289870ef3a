"""Accounts and logins: signing up, in and out, and telling who a token belongs to."""

import secrets
import time

import structlog

from main.auth.access import LiveAccess, Principal
from main.auth.passwords import Passwords
from main.auth.setup import SetupCode
from main.auth.throttle import Throttle
from main.auth.tokens import Tokens
from main.store import Store
from main.store.users import Account, name_key
from ws.protocol.accounts import MAX_PASSWORD_BYTES, Login, LoginBody, RegisterBody, SignedIn, WhoKind
from ws.protocol.base import LoginId, UserId
from ws.protocol.errors import ErrorCode, FieldError, WireError, invalid
from ws.protocol.names import is_name
from ws.protocol.ops import Scope

log = structlog.get_logger(__name__)

SETUP_USER = "set-up code"
"""Wrong set-up codes are throttled like wrong passwords of this name, which no user can have from here on: it is only
used while there are no users."""

RECHECK_S = 600.0
"""How often the logins behind open sockets are looked at: a socket that is open keeps its login alive."""


class Accounts:
    """The one service behind the sign-in routes, the guard and the ops on logins."""

    def __init__(self, store: Store, tokens: Tokens, passwords: Passwords, live: LiveAccess) -> None:
        self._store = store
        self._tokens = tokens
        self._passwords = passwords
        self._live = live
        self._throttle = Throttle()
        self.setup_code = SetupCode()

    async def needs_setup(self) -> bool:
        """Whether no user exists yet."""
        return not await self._store.users.any_exists()

    async def authenticate(self, token: str) -> tuple[Principal, bool] | None:
        """Who a token belongs to, and whether its life was just prolonged; None when it is worth nothing."""
        as_of = self._live.now
        claims = self._tokens.read(token)
        if claims is None:
            return None
        found = await self._store.logins.find(claims.login)
        if found is None or found[0].user != claims.user:
            return None
        login, account = found
        is_prolonged = login.is_due(time.time())
        if is_prolonged:
            await self._store.logins.slide(login.id)
        principal = Principal(account.id, account.name, account.role, login.id, account.grants, as_of=as_of)
        return principal, is_prolonged

    async def register(self, body: RegisterBody, *, address: str, user_agent: str, is_here: bool) -> SignedIn:
        """Make the first account, an owner. `is_here` says that the request surely comes from this machine.

        Raises WireError: `conflict` once a user exists, `forbidden` without the code from elsewhere.
        """
        await self.refuse_second_user()
        if not is_here:
            self._check_setup_code(body.setup_code, address)
        check_username(body.username)
        check_password(body.password, "password")
        async with self._passwords.slot():
            hashed = await self._passwords.hash(body.password)
        account = Account(id=UserId(secrets.token_urlsafe(12)), name=body.username, role="owner", password=hashed)
        if not await self._store.users.add_first(account):
            await self.refuse_second_user()
        self.setup_code.void()
        await self._store.audit.add("user.registered", who=account.name, address=address)
        return await self._sign_in(account, address, user_agent)

    async def refuse_second_user(self) -> None:
        """Raise WireError `conflict` when a user exists: from then on only owners add users."""
        if await self._store.users.any_exists():
            raise WireError(ErrorCode.CONFLICT, "This Main has been set up already; sign in instead.")

    async def login(self, body: LoginBody, *, address: str, user_agent: str) -> SignedIn:
        """Sign in. Raises WireError: `unauthorized`, the same for unknown users; `rate_limited`."""
        who = name_key(body.username)
        self._throttle.check(address, who)
        account = await self._store.users.by_name(body.username)
        async with self._passwords.slot():
            self._throttle.check(address, who)  # others may have failed while this one waited
            is_right = await self._passwords.matches(body.password, None if account is None else account.password)
            if not is_right:
                self._throttle.note_failure(address, who)
        if not is_right or account is None:
            await self._note_failure(account, address)
            raise _wrong()
        self._throttle.forget(address, who)
        return await self._sign_in(account, address, user_agent)

    async def logout(self, principal: Principal, *, address: str) -> None:
        """End the login of the caller and its sockets. Raises WireError `forbidden` for an API token."""
        principal.require_login()
        await self._store.logins.remove(principal.user, principal.login)
        self._live.end_login(principal.login)
        await self._store.audit.add("logout", who=principal.name, address=address)

    async def logins(self, principal: Principal, user: str | None = None) -> list[Login]:
        """The caller's signed-in devices, or those of another user. Raises WireError `forbidden` but for owners."""
        if user not in (None, principal.user):
            principal.require(Scope.OWNER)
        return [
            Login(
                id=row.id,
                created=row.created,
                last_seen=row.last_seen,
                address=row.address,
                user_agent=row.user_agent,
                is_current=row.id == principal.login,
            )
            for row in await self._store.logins.of_user(user or principal.user)
        ]

    async def revoke(self, principal: Principal, login: str) -> None:
        """End one login of the caller and its sockets. Raises WireError `not_found`, for foreign ones too."""
        if not await self._store.logins.remove(principal.user, login):
            raise WireError(ErrorCode.NOT_FOUND, "You have no such login.")
        self._live.end_login(LoginId(login))

    async def change_password(self, principal: Principal, current: str, new: str, *, address: str) -> None:
        """Replace the caller's password; the other logins end. Raises WireError `forbidden` for a wrong one."""
        check_password(new, "new_password")
        account = await self._store.users.by_id(principal.user)
        if account is None:
            raise WireError(ErrorCode.UNAUTHORIZED, "Your account is gone.")
        who = name_key(account.name)
        self._throttle.check(address, who)
        async with self._passwords.slot():
            if not await self._passwords.matches(current, account.password):
                self._throttle.note_failure(address, who)
                raise WireError(ErrorCode.FORBIDDEN, "The current password is wrong.")
            hashed = await self._passwords.hash(new)
        await self._store.users.set_password(principal.user, hashed)
        await self._store.logins.remove_others(principal.user, principal.login)
        self._live.end_user(principal.user, but=principal.login)

    async def recheck_live(self) -> None:
        """Prolong the logins of open sockets; end those whose login is gone, or whose user may do something else."""
        for login in self._live.logins():
            found = await self._store.logins.find(login)
            if found is None:
                self._live.end_login(login)
                continue
            self._live.end_outdated(found[1].id, found[1].role, found[1].grants)
            if found[0].is_due(time.time()):
                await self._store.logins.slide(login)

    def close(self) -> None:
        self._passwords.close()

    async def _sign_in(self, account: Account, address: str, user_agent: str) -> SignedIn:
        login = LoginId(secrets.token_urlsafe(12))
        if not await self._store.logins.add(login, account, address, user_agent[:256]):
            raise _wrong()  # the password was changed, or the account removed, while this one was checked
        await self._store.audit.add("login", who=account.name, address=address)
        return SignedIn(user=account.public, token=self._tokens.issue(account.id, login))

    async def _note_failure(self, account: Account | None, address: str) -> None:
        """Only names of users are noted: in the place of another name people sometimes type their password."""
        who = "" if account is None else account.name
        kind: WhoKind = "unknown" if account is None else "user"
        await self._store.audit.add("login.failed", who=who, kind=kind, address=address, outcome=ErrorCode.UNAUTHORIZED)

    def _check_setup_code(self, code: str | None, address: str) -> None:
        self._throttle.check(address, SETUP_USER)
        if code is None:
            raise WireError(
                ErrorCode.FORBIDDEN,
                "The first sign-up from another device needs the set-up code that Main printed at its start.",
            )
        if not self.setup_code.matches(code):
            self._throttle.note_failure(address, SETUP_USER)
            raise WireError(ErrorCode.FORBIDDEN, "This is not the set-up code that Main printed at its start.")


def _wrong() -> WireError:
    return WireError(ErrorCode.UNAUTHORIZED, "User name or password is wrong.")


def check_username(name: str) -> None:
    """Raise WireError `invalid` for one that another name could hide behind; asked when it is given, not at sign-in."""
    if not is_name(name):
        raise invalid("username", "A person's name has letters that can be seen, no control or direction marks.")


def check_password(password: str, field: str) -> None:
    """Raise WireError `invalid` for one that bcrypt cannot take whole; its characters are counted by its type."""
    size = len(password.encode("utf-8", "surrogateescape"))
    if size > MAX_PASSWORD_BYTES or "\x00" in password:
        message = f"at most {MAX_PASSWORD_BYTES} bytes, without NUL"
        raise WireError(
            ErrorCode.INVALID,
            f"A password has {message}.",
            errors=[FieldError(path=f"params.{field}", message=message)],
        )
