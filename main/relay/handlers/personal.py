"""Handlers of my.*."""

from main.auth.access import Principal
from main.registry.service import Registry
from main.relay.call import MainCall, MainHandlers
from main.relay.personal import Personal, node_of, sees
from ws.protocol.base import NodeId, SessionId
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.nodes import Empty
from ws.protocol.op import Scope
from ws.protocol.personal import Draft, PersonalSetting
from ws.rpc import Feed


def handlers(registry: Registry, personal: Personal) -> MainHandlers:
    """By op name."""

    async def watch(call: MainCall) -> Feed:
        return await personal.watch(call.principal)

    async def mark(call: MainCall) -> Empty:
        node = registry.identity(call.params.node).id
        await personal.mark(call.principal.user, (node, SessionId(call.params.session)), call.params.seq)
        return Empty()

    async def draft(call: MainCall) -> Empty:
        params, principal = call.params, call.principal
        node = node_of(params.key)
        _require_writing(principal, node)
        if node is not None:
            principal.require(Scope.READ, node)
            registry.identity(NodeId(node))
        await personal.keep_draft(principal.user, Draft(key=params.key, text=params.text, device=params.device))
        return Empty()

    async def setting(call: MainCall) -> Empty:
        _require_writing(call.principal, None)
        kept = PersonalSetting(name=call.params.name, value=call.params.value)
        await personal.keep_setting(call.principal.user, kept)
        return Empty()

    return {"my.watch": watch, "my.mark": mark, "my.draft": draft, "my.setting": setting}


def _require_writing(principal: Principal, node: str | None) -> None:
    """A draft is a prompt that its person may send without a second look: a program that only reads writes none.

    Raises WireError `forbidden`.
    """
    if principal.token is None:
        return
    principal.require(Scope.WRITE)
    if node is None and not sees(principal, None):
        raise WireError(
            ErrorCode.FORBIDDEN, "This API token is for single machines; sign in, or make one for every machine."
        )
