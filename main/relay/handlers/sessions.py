"""Handlers of the session ops that Main answers from more than one node, or shares among readers."""

import msgspec

from main.registry.service import Registry
from main.relay.call import MainCall, MainHandlers
from main.relay.feeds import SessionFeeds
from main.relay.inbox import Inbox
from main.relay.session_lists import SessionLists, listing
from ws.protocol.base import NodeId
from ws.protocol.sessions import SessionListResult
from ws.rpc import Feed


def handlers(registry: Registry, lists: SessionLists, inbox: Inbox, feeds: SessionFeeds) -> MainHandlers:
    """By op name."""

    async def list_sessions(call: MainCall) -> SessionListResult:
        if call.params.node is not None:
            registry.identity(call.params.node)
        return await lists.find(call.params, call.principal)

    async def watch_list(call: MainCall) -> Feed:
        params, sees = call.params, call.principal.sees
        if params.node is not None:
            registry.identity(params.node)
        offline = [NodeId(node.id) for node in registry.nodes.values() if node.status == "offline" and sees(node.id)]
        return lists.sessions.watch(
            lambda sessions: msgspec.json.encode(listing(sessions, offline)),
            lambda session: sees(session.node) and lists.shows(params, session),
        )

    async def watch_session(call: MainCall) -> Feed:
        params = call.params
        link = registry.link(params.node)
        return await feeds.watch(link, params.session, params.after, params.epoch)

    async def watch_inbox(call: MainCall) -> Feed:
        return inbox.watch(call.principal.sees)

    return {
        "session.list": list_sessions,
        "session.list_watch": watch_list,
        "session.watch": watch_session,
        "inbox.watch": watch_inbox,
    }
