"""What waits for people: the pending approvals of all nodes that are online, and turns as they end."""

import msgspec

from main.auth.access import Principal
from main.board import Board
from main.registry.link import NodeLink
from main.relay.fair import fitting
from main.relay.follow import Follower
from main.relay.personal import Personal
from ws.protocol.base import ApprovalId, NodeId, SessionId
from ws.protocol.sessions import InboxEvent, InboxItem, InboxResolved, InboxResult, InboxTurnEnded
from ws.rpc import Feed

Key = tuple[NodeId, SessionId, ApprovalId]

_encode = msgspec.json.encode


def _key(item: InboxItem) -> Key:
    return NodeId(item.session.node), SessionId(item.session.id), ApprovalId(item.approval.approval)


class Inbox:
    """Fed by `link.inbox` of every node. Nobody can answer an offline node, so its approvals leave with it."""

    def __init__(self, personal: Personal) -> None:
        self._personal = personal
        self.approvals: Board[Key, InboxItem] = Board(
            changed=_encode,
            removed=lambda key: _encode(InboxResolved(node=key[0], session=key[1], approval=key[2])),
            group=lambda key: key[0],
        )
        self._follower = Follower("link.inbox", self._begin, self._event)

    def node_online(self, link: NodeLink) -> None:
        self._follower.start(link)

    def node_offline(self, node: NodeId) -> None:
        self._follower.stop(node)
        self._clear(node)

    def node_removed(self, node: NodeId) -> None:
        self._clear(node)

    def watch(self, principal: Principal) -> Feed:
        """A feed of `inbox.watch` with what comes from the nodes that the reader sees."""
        user, sees = principal.user, principal.sees
        return self.approvals.watch(
            lambda items: _encode(InboxResult(approvals=fitting(items, lambda item: item.session.node)[0])),
            shows=lambda item: sees(item.session.node),
            owner=user,
            hears=sees,
            view=lambda item: self._seen_by(user, item),
            look=principal.sight,
        )

    async def close(self) -> None:
        await self._follower.close()

    async def _begin(self, node: NodeId, result: bytes) -> None:
        items = [_owned(node, item) for item in msgspec.json.decode(result, type=InboxResult).approvals]
        self._clear(node, but={_key(item) for item in items})
        for item in items:
            self.approvals.put(_key(item), item)

    async def _event(self, node: NodeId, event: bytes) -> None:
        change: InboxEvent = msgspec.json.decode(event, type=InboxEvent)
        match change:
            case InboxItem() as item:
                own = _owned(node, item)
                self.approvals.put(_key(own), own)
            case InboxResolved() as resolved:
                key = node, SessionId(resolved.session), ApprovalId(resolved.approval)
                self.approvals.remove(key, _encode(msgspec.structs.replace(resolved, node=node)))
            case InboxTurnEnded() as ended:
                self._tell_ended(node, ended)

    def _tell_ended(self, node: NodeId, ended: InboxTurnEnded) -> None:
        session = msgspec.structs.replace(ended.session, node=node)
        encoded: dict[bool, bytes] = {}

        def seen_by(user: str) -> bytes:
            seen = self._personal.seen_by(user, session)
            if seen.unread not in encoded:
                encoded[seen.unread] = _encode(msgspec.structs.replace(ended, session=seen))
            return encoded[seen.unread]

        self.approvals.tell(seen_by, about=node)

    def _seen_by(self, user: str, item: InboxItem) -> InboxItem:
        seen = self._personal.seen_by(user, item.session)
        return item if seen is item.session else msgspec.structs.replace(item, session=seen)

    def _clear(self, node: NodeId, but: frozenset[Key] | set[Key] = frozenset()) -> None:
        for key, _ in self.approvals.within(node):
            if key not in but:
                self.approvals.remove(key)


def _owned(node: NodeId, item: InboxItem) -> InboxItem:
    """A node speaks of its own sessions only, whatever it writes into them."""
    if item.session.node == node:
        return item
    return msgspec.structs.replace(item, session=msgspec.structs.replace(item.session, node=node))
