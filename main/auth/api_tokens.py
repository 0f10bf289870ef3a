"""API tokens: keys that programs present as bearer, which never allow more than their user may do at that moment."""

import re
import secrets
import time

from main.auth.access import LiveAccess, Principal, TokenAccess
from main.store import Store
from ws.protocol.accounts import ApiToken, TokenCreateParams, TokenCreateResult
from ws.protocol.base import LoginId
from ws.protocol.errors import ErrorCode, WireError, invalid
from ws.protocol.names import is_name
from ws.protocol.ops import Scope

PREFIX = "sy_"
"""Tokens begin with it, so that people and scanners of leaked secrets recognise them."""

_FORM = re.compile(r"sy_([0-9a-f]{16})_[A-Za-z0-9_-]{43}\Z")
"""The id in the database, then 32 random bytes."""

LOGIN_PREFIX = "token:"
"""Of what a node is told in the place of a login's id; no login has a colon in its own."""

_DAY_S = 86400


class ApiTokenService:
    """Makes, reads and ends API tokens."""

    def __init__(self, store: Store, live: LiveAccess) -> None:
        self._store = store
        self._live = live

    async def authenticate(self, secret: str) -> Principal | None:
        """Who presents this token; None when it is worth nothing."""
        as_of = self._live.now
        form = _FORM.match(secret)
        found = None if form is None else await self._store.api_tokens.find(form[1])
        if found is None or not found[0].owns(secret):
            return None
        row, account = found
        if row.is_due(time.time()):
            await self._store.api_tokens.note_use(row.id)
        return Principal(
            user=account.id,
            name=account.name,
            role=account.role,
            login=LoginId(f"{LOGIN_PREFIX}{row.id}"),
            grants=account.grants,
            token=TokenAccess(
                id=row.id,
                name=row.name,
                scopes=_whole(row.scopes),
                nodes=None if row.nodes is None else frozenset(row.nodes),
                expires_s=row.expires_s,
            ),
            as_of=as_of,
        )

    async def list(self, principal: Principal, *, everybody: bool) -> list[ApiToken]:
        """The caller's own, or those of all users. Raises WireError `forbidden` when the caller is no owner."""
        if everybody:
            principal.require(Scope.OWNER)
        return [row.public for row in await self._store.api_tokens.list(None if everybody else principal.user)]

    async def create(self, principal: Principal, params: TokenCreateParams) -> TokenCreateResult:
        """Make a token of the caller. Raises WireError: `forbidden` for a scope that the caller lacks, `not_found` for
        a node that the caller does not see, `invalid`, `conflict`.
        """
        name = params.name.strip()
        if not is_name(name):
            raise invalid("name", "A token's name has letters that can be seen, no control or direction marks.")
        scopes = sorted(set(params.scopes))
        for scope in scopes:
            principal.require(Scope(scope))
        nodes = None if params.nodes is None else sorted(set(params.nodes))
        token = secrets.token_hex(8)
        secret = f"{PREFIX}{token}_{secrets.token_urlsafe(32)}"
        await self._store.api_tokens.add(
            token=token,
            user=principal.user,
            name=name,
            secret=secret,
            scopes=scopes,
            nodes=nodes,
            expires_s=None if params.expires_days is None else int(time.time()) + params.expires_days * _DAY_S,
        )
        found = await self._store.api_tokens.find(token)
        if found is None:
            raise WireError(ErrorCode.CONFLICT, "Your account was removed a moment ago.")
        return TokenCreateResult(token=found[0].public, secret=secret)

    async def revoke(self, principal: Principal, token: str) -> str:
        """End a token and its sockets: one's own, or as an owner any; its name. Raises WireError `not_found`."""
        whose = None if principal.has(Scope.OWNER) else principal.user
        name = await self._store.api_tokens.remove(token, whose)
        if name is None:
            raise WireError(ErrorCode.NOT_FOUND, "You have no such API token.")
        self._live.end_token(token)
        return name

    async def recheck_live(self) -> None:
        """End the sockets of tokens that are gone, or whose user may do something else by now."""
        for token in self._live.tokens():
            found = await self._store.api_tokens.find(token)
            if found is None:
                self._live.end_token(token)
            else:
                self._live.end_outdated(found[1].id, found[1].role, found[1].grants)


def _whole(scopes: tuple[str, ...]) -> frozenset[Scope]:
    """The scope owner holds every other."""
    return frozenset(Scope) if Scope.OWNER in scopes else frozenset(Scope(scope) for scope in scopes)
