"""Who calls, and the sockets that must end when their access does."""

from collections.abc import Callable
from dataclasses import dataclass

from ws.protocol.base import LoginId, UserId
from ws.protocol.envelope import Caller, Role
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.ops import ROLE_SCOPES, Scope


@dataclass(frozen=True)
class Principal:
    """A signed-in user with the login they came by. Made by Main from its own rows, never from what a client says."""

    user: UserId
    name: str
    role: Role
    login: LoginId

    @property
    def caller(self) -> Caller:
        """As nodes are told."""
        return Caller(user=self.user, login=self.login, role=self.role, name=self.name)

    def has(self, scope: Scope) -> bool:
        return scope in ROLE_SCOPES[self.role]

    def require(self, scope: Scope) -> None:
        """Raise WireError `forbidden` without that scope."""
        if not self.has(scope):
            raise WireError(ErrorCode.FORBIDDEN, f"Your account ({self.role}) may not do this; ask an owner of Main.")


End = Callable[[], None]


@dataclass(frozen=True, eq=False)
class _Live:
    principal: Principal
    end: End


class LiveAccess:
    """Every open socket and stream with the login it was opened by."""

    def __init__(self) -> None:
        self._live: set[_Live] = set()

    def __len__(self) -> int:
        return len(self._live)

    def add(self, principal: Principal, end: End) -> Callable[[], None]:
        """`end` is called, at most once, when the access is revoked. Returns what to call when the socket has ended."""
        live = _Live(principal, end)
        self._live.add(live)
        return lambda: self._live.discard(live)

    def logins(self) -> set[LoginId]:
        """Of the sockets that are open."""
        return {live.principal.login for live in self._live}

    def end_login(self, login: LoginId) -> None:
        """End what was opened by this login."""
        self._end(lambda principal: principal.login == login)

    def end_user(self, user: UserId, *, but: LoginId | None = None) -> None:
        """End what this user has open, except by one login."""
        self._end(lambda principal: principal.user == user and principal.login != but)

    def _end(self, concerns: Callable[[Principal], bool]) -> None:
        for live in [each for each in self._live if concerns(each.principal)]:
            self._live.discard(live)
            live.end()
