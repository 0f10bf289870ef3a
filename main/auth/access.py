"""Who calls and what they may do where; and the sockets that must end when their access does."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ws.protocol.accounts import EVERY_NODE, WhoKind
from ws.protocol.base import LoginId, NodeId, UserId
from ws.protocol.envelope import Caller, Role
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.ops import ROLE_SCOPES, Scope

_RANKS: Final[Mapping[Role, int]] = {"viewer": 0, "member": 1, "owner": 2}
NO_SUCH_NODE: Final = "There is no such node."
"""One sentence for a node that does not exist and for one that is not shared with the caller."""

READER: Final = Caller(user=UserId(""), login=LoginId(""), role="viewer", name="Main")
"""Who reads at a node for several people at once: Main, with the least of rights."""


@dataclass(frozen=True)
class TokenAccess:
    """How an API token narrows what its user may do. `nodes` None: every node of the user; `expires_s` Unix time."""

    id: str
    name: str
    scopes: frozenset[Scope]
    nodes: frozenset[str] | None
    expires_s: int | None


@dataclass(frozen=True)
class Principal:
    """A user with the login or API token they came by. Made by Main from its own rows, never from what a client says.

    `grants` are roles by the id of a node, or `*`. `as_of` is a moment of LiveAccess from before the rows were read.
    """

    user: UserId
    name: str
    role: Role
    login: LoginId
    grants: Mapping[str, Role] = field(default_factory=dict)
    token: TokenAccess | None = None
    as_of: int = 0

    @property
    def who(self) -> str:
        """As the audit and other people are told."""
        return self.name if self.token is None else f"{self.name} (token {self.token.name})"

    @property
    def kind(self) -> WhoKind:
        """What `who` names."""
        return "user" if self.token is None else "token"

    @property
    def sight(self) -> Hashable:
        """Whoever has an equal one sees the same nodes, and may do the same there."""
        return self.role, frozenset(self.grants.items()), self.token

    def role_on(self, node: str) -> Role | None:
        """What the account may do on a node; None: it has nothing to do with it. A grant for the node counts before
        one for every node, and neither gives more than the account's own role.
        """
        if self.token is not None and self.token.nodes is not None and node not in self.token.nodes:
            return None
        if self.role == "owner":
            return self.role
        granted = self.grants.get(node) or self.grants.get(EVERY_NODE)
        return granted if granted is None or _RANKS[granted] < _RANKS[self.role] else self.role

    def sees(self, node: str) -> bool:
        """Whether that node exists for the caller."""
        return self.role_on(node) is not None

    def scopes(self, node: str | None = None) -> frozenset[Scope]:
        """What the caller may do on a node, or (None) anywhere at all."""
        role = self.role if node is None else self.role_on(node)
        own: frozenset[Scope] = frozenset() if role is None else ROLE_SCOPES[role]
        return own if self.token is None else own & self.token.scopes

    def has(self, scope: Scope, node: str | None = None) -> bool:
        return scope in self.scopes(node)

    def require(self, scope: Scope, node: str | None = None) -> None:
        """Raise WireError: `not_found` when that node is not shared with the caller, `forbidden` without the scope."""
        if node is not None and not self.sees(node):
            raise WireError(ErrorCode.NOT_FOUND, NO_SUCH_NODE)
        if self.has(scope, node):
            return
        if self.token is not None and scope not in self.token.scopes:
            raise WireError(ErrorCode.FORBIDDEN, f"This API token lacks the scope {scope}; make one that has it.")
        where = "" if node is None or self.role_on(node) == self.role else " on this machine"
        role = self.role if node is None else self.role_on(node)
        raise WireError(ErrorCode.FORBIDDEN, f"Your account ({role}{where}) may not do this; ask an owner of Main.")

    def require_everywhere(self) -> None:
        """Raise WireError `forbidden` for an API token of some nodes, when an act concerns the whole of Main."""
        if self.token is not None and self.token.nodes is not None:
            raise WireError(
                ErrorCode.FORBIDDEN, "This API token is for single machines; sign in, or make one for every machine."
            )

    def require_login(self) -> None:
        """Raise WireError `forbidden` for an API token: what it may do must not grow by what it does."""
        if self.token is not None:
            raise WireError(
                ErrorCode.FORBIDDEN, "An API token does not manage accounts, logins or tokens: sign in with a password."
            )

    def role_for(self, node: str | None = None) -> Role:
        """The least role that covers what the caller may do on that node."""
        role = self.role if node is None else self.role_on(node)
        if self.token is None and role is not None:
            return role
        scopes = self.scopes(node)
        return next(role for role in _RANKS if scopes <= ROLE_SCOPES[role])

    def caller_on(self, node: str) -> Caller:
        """As that node is told."""
        return Caller(user=self.user, login=self.login, role=self.role_for(node), name=self.who)


def access_ended() -> WireError:
    """The refusal of whoever was let in and may do nothing any more."""
    return WireError(ErrorCode.UNAUTHORIZED, "Your access has ended meanwhile and nothing was done: sign in again.")


MAX_OF_PERSON: Final = 3072
"""Sockets and streams that one person has open, of the 4096 connections that Main takes: the rest is for the others."""

End = Callable[[], None]
Concerns = Callable[[Principal], bool]

REMEMBERED_ENDINGS: Final = 256
"""For sockets that open while access ends. Whoever needed longer to open than all these took is ended too."""


@dataclass(frozen=True, eq=False)
class _Live:
    principal: Principal
    end: End


class LiveAccess:
    """Every open socket and stream with the login or token it was opened by."""

    def __init__(self) -> None:
        self._live: set[_Live] = set()
        self._now = 0
        self._endings: deque[tuple[int, Concerns]] = deque(maxlen=REMEMBERED_ENDINGS)

    def __len__(self) -> int:
        return len(self._live)

    @property
    def now(self) -> int:
        """The number of endings so far: to be taken before the rows of a caller are read."""
        return self._now

    def require(self, principal: Principal) -> None:
        """Raise WireError `unauthorized` when the access has ended since the caller was looked up, which is what a
        request does first: its body may come slowly.
        """
        expires_s = None if principal.token is None else principal.token.expires_s
        if self._has_ended(principal) or (expires_s is not None and expires_s <= time.time()):
            raise access_ended()

    def require_room(self, principal: Principal) -> None:
        """Raise WireError `rate_limited` when this person has as much open as one may have."""
        if len(self._live) < MAX_OF_PERSON:
            return
        if sum(live.principal.user == principal.user for live in self._live) >= MAX_OF_PERSON:
            raise WireError(
                ErrorCode.RATE_LIMITED,
                f"You have {MAX_OF_PERSON} connections open on all your pages, which is the limit; close some of them.",
                retry_after_s=5.0,
            )

    def add(self, principal: Principal, end: End) -> Callable[[], None]:
        """`end` is called, at most once, when the access is revoked or its token expires: at once, if that happened
        since the caller was looked up. Returns what to call when the socket has ended.
        """
        live = _Live(principal, end)
        self._live.add(live)
        loop = asyncio.get_running_loop()
        timer: asyncio.Handle | None = None
        if self._has_ended(principal):
            timer = loop.call_soon(self._end, live)
        elif principal.token is not None and principal.token.expires_s is not None:
            timer = loop.call_later(max(0.0, principal.token.expires_s - time.time()), self._end, live)

        def forget() -> None:
            self._live.discard(live)
            if timer is not None:
                timer.cancel()

        return forget

    def logins(self) -> set[LoginId]:
        """Of the sockets that are open; API tokens have none."""
        return {live.principal.login for live in self._live if live.principal.token is None}

    def tokens(self) -> set[str]:
        """The ids of the API tokens behind open sockets."""
        return {live.principal.token.id for live in self._live if live.principal.token is not None}

    def end_login(self, login: LoginId) -> None:
        """End what was opened by this login."""
        self._end_all(lambda principal: principal.token is None and principal.login == login)

    def end_token(self, token: str) -> None:
        """End what was opened by this API token."""
        self._end_all(lambda principal: principal.token is not None and principal.token.id == token)

    def end_user(self, user: UserId, *, but: LoginId | None = None) -> None:
        """End what this user has open, except by one login."""
        self._end_all(lambda principal: principal.user == user and principal.login != but)

    def end_outdated(self, user: UserId, role: Role, grants: Mapping[str, Role]) -> None:
        """End what this user has open with other rights than these."""
        self._end_all(lambda principal: principal.user == user and (principal.role, principal.grants) != (role, grants))

    def node_online(self, link: object) -> None:
        """Nothing to do: rights do not come and go with links."""

    def node_offline(self, node: NodeId) -> None:
        """Nothing to do either."""

    def node_removed(self, node: NodeId) -> None:
        """The rights that were given on it are gone: end what was opened with them, to come back without."""
        self._end_all(
            lambda principal: (
                node in principal.grants or (principal.token is not None and node in (principal.token.nodes or ()))
            )
        )

    def _has_ended(self, principal: Principal) -> bool:
        if len(self._endings) == REMEMBERED_ENDINGS and principal.as_of < self._endings[0][0] - 1:
            return True
        return any(moment > principal.as_of and concerns(principal) for moment, concerns in self._endings)

    def _end_all(self, concerns: Concerns) -> None:
        """Now, and for `REMEMBERED_ENDINGS` more of these whatever opens late."""
        self._now += 1
        self._endings.append((self._now, concerns))
        for live in [each for each in self._live if concerns(each.principal)]:
            self._end(live)

    def _end(self, live: _Live) -> None:
        if live in self._live:
            self._live.discard(live)
            live.end()
