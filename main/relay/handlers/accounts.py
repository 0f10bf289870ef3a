"""Handlers of logins.*, users.* and audit.list."""

from main.auth.service import Accounts
from main.relay.call import MainCall, MainHandlers
from main.store.audit import Audit
from ws.protocol.accounts import AuditListResult, LoginsListResult
from ws.protocol.nodes import Empty


def handlers(accounts: Accounts, audit: Audit) -> MainHandlers:
    """By op name."""

    async def list_logins(call: MainCall) -> LoginsListResult:
        return LoginsListResult(logins=await accounts.logins(call.principal))

    async def revoke_login(call: MainCall) -> Empty:
        await accounts.revoke(call.principal, call.params.login)
        return Empty()

    async def change_password(call: MainCall) -> Empty:
        params = call.params
        await accounts.change_password(
            call.principal, params.current_password, params.new_password, address=call.visit.address
        )
        return Empty()

    async def list_audit(call: MainCall) -> AuditListResult:
        return await audit.page(call.params.limit, call.params.cursor)

    return {
        "logins.list": list_logins,
        "logins.revoke": revoke_login,
        "users.change_password": change_password,
        "audit.list": list_audit,
    }
