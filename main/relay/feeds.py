"""The session feeds that somebody looks at, by node and session."""

from main.auth.access import READER
from main.registry.link import NodeLink
from main.relay.feed import SessionFeed
from ws.protocol.base import NodeId, SessionId
from ws.rpc import Feed
from ws.tasks import TaskOwner


class SessionFeeds:
    """Makes a feed for the first reader of a session; the last one who leaves ends it."""

    def __init__(self) -> None:
        self._feeds: dict[tuple[NodeId, SessionId], SessionFeed] = {}
        self._tasks = TaskOwner("feeds")

    def __len__(self) -> int:
        return len(self._feeds)

    async def watch(self, link: NodeLink, session: SessionId, after: int, epoch: str | None) -> Feed:
        """A feed of `session.watch` for one reader, who may read that session: the node is asked in nobody's name,
        because the feed may outlive whoever came first. Raises WireError when the node refuses or does not answer.
        """
        feed = self._feeds.get((link.node, session))
        if feed is None:
            feed = SessionFeed(link, link.node, session, READER, self._tasks, self._over)
            self._feeds[feed.key] = feed
        feed.users += 1
        try:
            await feed.ready()
            return await feed.watch(after, epoch)
        except BaseException:
            feed.users -= 1
            if feed.users == 0 and not feed.is_over:
                feed.stop()
            raise

    async def close(self) -> None:
        """End them all: Main stops."""
        await self._tasks.close(timeout_s=1.0)

    def _over(self, feed: SessionFeed) -> None:
        if self._feeds.get(feed.key) is feed:
            del self._feeds[feed.key]
