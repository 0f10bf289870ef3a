"""What waits for people: the pending approvals of all nodes that are online, and turns as they end."""

from collections.abc import Callable

import msgspec

from main.board import Board
from main.registry.link import NodeLink
from main.relay.fair import fitting
from main.relay.follow import Follower
from ws.protocol.base import ApprovalId, NodeId, SessionId
from ws.protocol.sessions import InboxEvent, InboxItem, InboxResolved, InboxResult, InboxTurnEnded
from ws.rpc import Feed

Key = tuple[NodeId, SessionId, ApprovalId]

_encode = msgspec.json.encode


def _key(item: InboxItem) -> Key:
    return NodeId(item.session.node), SessionId(item.session.id), ApprovalId(item.approval.approval)


class Inbox:
    """Fed by `link.inbox` of every node. Nobody can answer an offline node, so its approvals leave with it."""

    def __init__(self) -> None:
        self.approvals: Board[Key, InboxItem] = Board(
            changed=_encode,
            removed=lambda key: _encode(InboxResolved(node=key[0], session=key[1], approval=key[2])),
        )
        self._follower = Follower("link.inbox", self._begin, self._event)

    def node_online(self, link: NodeLink) -> None:
        self._follower.start(link)

    def node_offline(self, node: NodeId) -> None:
        self._follower.stop(node)
        self._clear(node)

    def node_removed(self, node: NodeId) -> None:
        self._clear(node)

    def watch(self, sees: Callable[[str], bool]) -> Feed:
        """A feed of `inbox.watch` with what comes from the nodes that the reader sees."""
        return self.approvals.watch(
            lambda items: _encode(InboxResult(approvals=fitting(items, lambda item: item.session.node)[0])),
            shows=lambda item: sees(item.session.node),
            hears=sees,
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
            case InboxResolved(session=session, approval=approval):
                self.approvals.remove((node, SessionId(session), ApprovalId(approval)))
            case InboxTurnEnded(session=session) as ended:
                own_session = msgspec.structs.replace(session, node=node)
                self.approvals.tell(_encode(msgspec.structs.replace(ended, session=own_session)), about=node)

    def _clear(self, node: NodeId, but: frozenset[Key] | set[Key] = frozenset()) -> None:
        for item in self.approvals.values(lambda each: each.session.node == node):
            if _key(item) not in but:
                self.approvals.remove(_key(item))


def _owned(node: NodeId, item: InboxItem) -> InboxItem:
    """A node speaks of its own sessions only, whatever it writes into them."""
    if item.session.node == node:
        return item
    return msgspec.structs.replace(item, session=msgspec.structs.replace(item.session, node=node))
