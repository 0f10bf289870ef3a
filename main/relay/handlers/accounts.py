"""Handlers of logins.*, users.*, tokens.* and audit.list."""

from collections.abc import Callable, Iterable

from main.auth.access import Principal
from main.auth.api_tokens import ApiTokenService
from main.auth.people import People, rights_in_words
from main.auth.service import Accounts
from main.registry.service import Registry
from main.relay.call import MainCall, MainHandlers
from main.store.audit import Audit
from ws.protocol.accounts import (
    EVERY_NODE,
    AccountResult,
    AuditListResult,
    Grant,
    LoginsListResult,
    TokenCreateResult,
    TokensListResult,
    UsersListResult,
)
from ws.protocol.base import UserId
from ws.protocol.nodes import Empty
from ws.protocol.ops import Scope


def handlers(
    accounts: Accounts,
    people: People,
    tokens: ApiTokenService,
    registry: Registry,
    audit: Audit,
    *,
    forget: Callable[[UserId], None],
) -> MainHandlers:
    """By op name. `forget` is told of each user who was removed."""

    async def list_audit(call: MainCall) -> AuditListResult:
        return await audit.page(call.params)

    return {
        **_logins(accounts),
        **_users(people, registry, forget),
        **_tokens(tokens, registry),
        "audit.list": list_audit,
    }


def _logins(accounts: Accounts) -> MainHandlers:
    async def list_logins(call: MainCall) -> LoginsListResult:
        return LoginsListResult(logins=await accounts.logins(call.principal, call.params.user))

    async def revoke_login(call: MainCall) -> Empty:
        await accounts.revoke(call.principal, call.params.login)
        return Empty()

    async def change_password(call: MainCall) -> Empty:
        params = call.params
        await accounts.change_password(
            call.principal, params.current_password, params.new_password, address=call.visit.address
        )
        return Empty()

    return {
        "logins.list": list_logins,
        "logins.revoke": revoke_login,
        "users.change_password": change_password,
    }


def _users(people: People, registry: Registry, forget: Callable[[UserId], None]) -> MainHandlers:
    async def list_users(_: MainCall) -> UsersListResult:
        return UsersListResult(users=await people.list())

    async def create(call: MainCall) -> AccountResult:
        call.note.subject = call.params.username
        _check_known(registry, call.params.grants)
        made = await people.create(call.params)
        call.note.subject = rights_in_words(made)
        return AccountResult(user=made)

    async def update(call: MainCall) -> AccountResult:
        _check_known(registry, call.params.grants or [])
        changed = await people.update(call.params)
        call.note.subject = rights_in_words(changed)
        return AccountResult(user=changed)

    async def set_password(call: MainCall) -> Empty:
        call.note.subject = await people.set_password(call.principal, call.params)
        return Empty()

    async def remove(call: MainCall) -> Empty:
        call.note.subject = await people.remove(call.params.user)
        forget(UserId(call.params.user))
        return Empty()

    return {
        "users.list": list_users,
        "users.create": create,
        "users.update": update,
        "users.set_password": set_password,
        "users.remove": remove,
    }


def _tokens(tokens: ApiTokenService, registry: Registry) -> MainHandlers:
    async def list_tokens(call: MainCall) -> TokensListResult:
        return TokensListResult(tokens=await tokens.list(call.principal, everybody=call.params.everybody))

    async def create(call: MainCall) -> TokenCreateResult:
        _check_seen(registry, call.principal, call.params.nodes or [])
        made = await tokens.create(call.principal, call.params)
        where = "every machine" if made.token.nodes is None else " ".join(made.token.nodes)
        call.note.subject = f"{made.token.name}: {' '.join(made.token.scopes)}; {where}"
        return made

    async def revoke(call: MainCall) -> Empty:
        call.note.subject = await tokens.revoke(call.principal, call.params.token)
        return Empty()

    return {"tokens.list": list_tokens, "tokens.create": create, "tokens.revoke": revoke}


def _check_known(registry: Registry, grants: Iterable[Grant]) -> None:
    """A grant for an id that nobody has would be one for whatever machine takes it. Raises WireError `not_found`."""
    for grant in grants:
        if grant.node != EVERY_NODE:
            registry.identity(grant.node)


def _check_seen(registry: Registry, principal: Principal, nodes: Iterable[str]) -> None:
    for node in nodes:
        principal.require(Scope.READ, node)
        registry.identity(node)
