"""Handlers of the session ops that Main answers from more than one node, or shares among readers."""

from main.registry.service import Registry
from main.relay.call import MainCall, MainHandlers
from main.relay.feeds import SessionFeeds
from main.relay.inbox import Inbox
from main.relay.personal import Personal
from main.relay.session_lists import SessionLists
from ws.protocol.sessions import SessionListResult
from ws.rpc import Feed


def handlers(
    registry: Registry, lists: SessionLists, inbox: Inbox, feeds: SessionFeeds, personal: Personal
) -> MainHandlers:
    """By op name."""

    async def list_sessions(call: MainCall) -> SessionListResult:
        if call.params.node is not None:
            registry.identity(call.params.node)
        await personal.person(call.principal.user)
        return await lists.find(call.params, call.principal)

    async def watch_list(call: MainCall) -> Feed:
        if call.params.node is not None:
            registry.identity(call.params.node)
        await personal.person(call.principal.user)
        return lists.watch(call.params, call.principal)

    async def watch_session(call: MainCall) -> Feed:
        params = call.params
        link = registry.link(params.node)
        return await feeds.watch(link, params.session, params.after, params.epoch)

    async def watch_inbox(call: MainCall) -> Feed:
        await personal.person(call.principal.user)
        return inbox.watch(call.principal)

    return {
        "session.list": list_sessions,
        "session.list_watch": watch_list,
        "session.watch": watch_session,
        "inbox.watch": watch_inbox,
    }
