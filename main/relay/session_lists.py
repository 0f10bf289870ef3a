"""The lists of sessions: what every node last told, so that an offline node still shows its sessions."""

import asyncio
from collections.abc import Iterable

import msgspec
import structlog

from main.auth.access import Principal
from main.board import Board
from main.registry.link import NodeLink
from main.registry.service import Registry
from main.relay.fair import fitting
from main.relay.follow import Follower
from main.relay.merging import Answered, merged
from main.relay.personal import Personal
from main.store.session_cache import SessionCache
from ws.protocol.base import NodeId, SessionId, UserId
from ws.protocol.envelope import Caller
from ws.protocol.errors import WireError
from ws.protocol.link import LinkSessionEvent, LinkSessionsResult
from ws.protocol.paging import read_cursor, write_cursor
from ws.protocol.sessions import (
    SessionChanged,
    SessionListParams,
    SessionListResult,
    SessionRemoved,
    SessionSummary,
)
from ws.rpc import Feed

log = structlog.get_logger(__name__)

ASK_DEADLINE_S = 2.0
"""A node that does not answer by then is shown from the cache: one slow machine must not hold up the list of all."""

MAX_SUMMARY_BYTES = 64 * 1024
"""Of one session that has changed; it goes to every page that looks. A path of 4096 characters fits."""

Key = tuple[NodeId, SessionId]

_encode = msgspec.json.encode


def _key(session: SessionSummary) -> Key:
    return NodeId(session.node), SessionId(session.id)


class SessionLists:
    """Fed by `link.sessions` of every node; answers `session.list` and `session.list_watch`."""

    def __init__(self, registry: Registry, cache: SessionCache, personal: Personal) -> None:
        self.sessions: Board[Key, SessionSummary] = Board(
            changed=lambda session: _encode(SessionChanged(session=session)),
            removed=lambda key: _encode(SessionRemoved(node=key[0], id=key[1])),
            group=lambda key: key[0],
        )
        self._registry = registry
        self._cache = cache
        self._personal = personal
        personal.on_mark = self.again
        self._follower = Follower("link.sessions", self._begin, self._event)

    async def load(self) -> None:
        """Read the cache. Once, before the first node is online."""
        for session in await self._cache.all():
            self.sessions.put(_key(session), _stale(session))

    def node_online(self, link: NodeLink) -> None:
        self._follower.start(link)

    def node_offline(self, node: NodeId) -> None:
        self._follower.stop(node)
        for key, session in self.sessions.within(node):
            self.sessions.put(key, _stale(session))

    def node_removed(self, node: NodeId) -> None:
        for key, _ in self.sessions.within(node):
            self.sessions.remove(key)

    async def close(self) -> None:
        await self._follower.close()

    def watch(self, params: SessionListParams, principal: Principal) -> Feed:
        """A feed of `session.list_watch`. The caller's marks have been read."""
        user, sees, nodes = principal.user, principal.sees, self._registry.nodes.values()
        offline = [NodeId(node.id) for node in nodes if node.status == "offline" and sees(node.id)]
        return self.sessions.watch(
            lambda sessions: _encode(_listing(sessions, offline)),
            lambda session: sees(session.node) and self.shows(params, session),
            owner=user,
            view=lambda session: self._personal.seen_by(user, session),
            look=(principal.sight, _encode(params)),
        )

    async def find(self, params: SessionListParams, principal: Principal) -> SessionListResult:
        """A page: from the nodes that the caller sees and that are online; from the others, and those too slow, as
        last seen. Raises WireError `invalid` for a cursor that is none.
        """
        before = None if params.cursor is None else read_cursor(params.cursor)
        asked = [NodeId(params.node)] if params.node is not None else self._registry.nodes.keys()
        nodes = [node for node in asked if principal.sees(node)]
        answers: dict[NodeId, Answered | None] = dict.fromkeys(nodes)

        async def ask(link: NodeLink) -> None:
            answers[link.node] = await self._ask(link, params, principal.caller_on(link.node))

        async with asyncio.TaskGroup() as asking:
            for node in nodes:
                link = self._registry.links.get(node)
                if link is not None:
                    asking.create_task(ask(link), name=f"session.list {node}")
        told = [self._cached(node, params) if answer is None else answer for node, answer in answers.items()]
        page = merged(told, before, params.limit)
        offline = [node for node in nodes if node not in self._registry.links]
        return SessionListResult(
            sessions=[self._personal.seen_by(principal.user, row) for row in page.rows],
            offline=list(dict.fromkeys([*offline, *page.left_out])),
            next_cursor=None if page.last is None else write_cursor(page.last),
        )

    def again(self, place: Key, user: UserId) -> None:
        """That person has looked at a session: their lists show it so."""
        self.sessions.again(place, user)

    def shows(self, params: SessionListParams, session: SessionSummary) -> bool:
        """Whether the list that `params` asks for has this session."""
        query = (params.query or "").casefold()
        return (
            params.node in (None, session.node)
            and params.path in (None, session.path)
            and (params.archived or not session.archived)
            and (query in session.title.casefold() or query in session.path.casefold())
        )

    def _cached(self, node: NodeId, params: SessionListParams) -> Answered:
        cached = (session for _, session in self.sessions.within(node) if self.shows(params, session))
        return Answered([_stale(session) for session in cached])

    async def _ask(self, link: NodeLink, params: SessionListParams, caller: Caller) -> Answered | None:
        own = msgspec.structs.replace(params, node=link.node)
        try:
            answer = await link.call("session.list", _encode(own), deadline_s=ASK_DEADLINE_S, caller=caller)
            page = msgspec.json.decode(answer, type=SessionListResult)
            return Answered(_owned(link.node, page.sessions), page.next_cursor is not None)
        except (WireError, msgspec.DecodeError) as error:
            log.info("session_list_not_answered", node=link.node, reason=str(error))
            return None

    async def _begin(self, node: NodeId, result: bytes) -> None:
        told = _owned(node, msgspec.json.decode(result, type=LinkSessionsResult).sessions)
        sessions = [session for session in told if session.status != "native"]
        present = {_key(session) for session in sessions}
        gone = [key for key, _ in self.sessions.within(node) if key not in present]
        for key in gone:
            self.sessions.remove(key)
        for session in sessions:
            self.sessions.put(_key(session), session)
        await self._cache.replace(node, sessions)
        await self._personal.sessions_gone(gone)

    async def _event(self, node: NodeId, event: bytes) -> None:
        if len(event) > MAX_SUMMARY_BYTES:
            log.warning("session_too_long", node=node, bytes=len(event))
            return
        change: LinkSessionEvent = msgspec.json.decode(event, type=LinkSessionEvent)
        match change:
            case SessionChanged(session=session):
                if session.status == "native":
                    return
                own = msgspec.structs.replace(session, node=node)
                self.sessions.put(_key(own), own)
                await self._cache.put(own)
            case SessionRemoved(id=session_id):
                self.sessions.remove((node, SessionId(session_id)))
                await self._cache.remove(node, session_id)
                await self._personal.sessions_gone([(node, SessionId(session_id))])


def _listing(sessions: Iterable[SessionSummary], offline: Iterable[NodeId]) -> SessionListResult:
    """A list that fits one answer. A node with too much to tell is named with those that are offline."""
    kept, left_out = fitting(sessions, lambda session: session.node)
    return SessionListResult(sessions=kept, offline=list(dict.fromkeys([*offline, *left_out])))


def _owned(node: NodeId, sessions: list[SessionSummary]) -> list[SessionSummary]:
    """A node speaks of its own sessions only, whatever it writes into them."""
    return [each if each.node == node else msgspec.structs.replace(each, node=node) for each in sessions]


def _stale(session: SessionSummary) -> SessionSummary:
    return session if session.stale else msgspec.structs.replace(session, stale=True)
