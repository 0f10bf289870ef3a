"""Handlers of the session ops that Main answers from more than one node, or shares among readers."""

import msgspec

from main.registry.service import Registry
from main.relay.call import MainCall, MainHandlers
from main.relay.feeds import SessionFeeds
from main.relay.inbox import Inbox
from main.relay.session_lists import SessionLists
from ws.protocol.sessions import SessionListResult
from ws.rpc import Feed


def handlers(registry: Registry, lists: SessionLists, inbox: Inbox, feeds: SessionFeeds) -> MainHandlers:
    """By op name."""

    async def list_sessions(call: MainCall) -> SessionListResult:
        if call.params.node is not None:
            registry.identity(call.params.node)
        return await lists.find(call.params, call.principal.caller)

    async def watch_list(call: MainCall) -> Feed:
        params = call.params
        if params.node is not None:
            registry.identity(params.node)
        offline = [node.id for node in registry.nodes.values() if node.status == "offline"]
        return lists.sessions.watch(
            lambda sessions: msgspec.json.encode(SessionListResult(sessions=list(sessions), offline=offline)),
            lambda session: lists.shows(params, session),
        )

    async def watch_session(call: MainCall) -> Feed:
        params = call.params
        link = registry.link(params.node)
        return await feeds.watch(link, params.session, params.after, params.epoch, call.principal.caller)

    async def watch_inbox(_: MainCall) -> Feed:
        return inbox.watch()

    return {
        "session.list": list_sessions,
        "session.list_watch": watch_list,
        "session.watch": watch_session,
        "inbox.watch": watch_inbox,
    }
