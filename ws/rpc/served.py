"""One subscription of the other end: composes its notifications and sees that its feed is detached exactly once."""

import asyncio
from collections.abc import Callable, Sequence

from ws.defects import internal_error, log_defect
from ws.protocol.envelope import CallId
from ws.protocol.errors import ErrorCode, WireError
from ws.rpc import frames
from ws.rpc.feeds import Detach, Feed
from ws.rpc.limits import Limits
from ws.rpc.outbox import Outbox
from ws.rpc.totals import TOTALS

BATCH_BYTES = 128 * 1024
"""Of events in one message: a page reads that in about a millisecond."""


class ServedSubscription:
    """The :class:`ws.rpc.feeds.EventSink` of a socket. `on_over` is called once, when the id is free again."""

    def __init__(self, call_id: CallId, outbox: Outbox, limits: Limits, on_over: Callable[[], None]) -> None:
        self._id = call_id
        self._head = frames.event_head(call_id)
        self._outbox = outbox
        self._max_sent_bytes = limits.max_sent_bytes
        self._takes_batches = limits.takes_batches
        self._on_over = on_over
        self._detach: Detach | None = None
        self._is_over = False
        self._is_dropped = False

    def void(self) -> None:
        """Nobody is there to be told of anything; a feed attached now is detached at once."""
        self._is_over = True

    def attach(self, feed: Feed) -> None:
        """Let `feed` begin. One whose subscription is over already may release what its handler took."""
        try:
            self._detach = feed.attach(self)
        except Exception as error:  # noqa: BLE001 (the boundary of the feed: its subscriber must be told)
            self.end(internal_error("attach_failed", error, subscription=self._id))
        if self._is_over:
            self.drop()

    def offer(self, event: bytes) -> bool:
        frame = self._frame(event)
        return frame is not None and self._offered(frame)

    def offer_all(self, events: Sequence[bytes]) -> bool:
        """Events that are too long for a batch with others go as they would alone."""
        if not self._takes_batches:
            return all(self.offer(event) for event in events)
        batch: list[bytes] = []
        batch_bytes = 0
        for event in events:
            frame_bytes = len(self._head) + len(event) + len(frames.EVENT_TAIL) + 1
            if batch and batch_bytes + frame_bytes > BATCH_BYTES:
                if not self._offer_batch(batch):
                    return False
                batch, batch_bytes = [], 0
            batch.append(event)
            batch_bytes += frame_bytes
        return self._offer_batch(batch)

    async def send(self, event: bytes) -> bool:
        frame = self._frame(event)
        return frame is not None and await self._outbox.put(frame, is_replay=True) and not self._is_over

    def lag(self) -> None:
        TOTALS.lags += not self._is_over
        self._finish(frames.write_lagging(self._id))

    def end(self, error: WireError | None = None) -> None:
        self._finish(frames.write_ended(self._id, error))

    def drop(self) -> None:
        """Over without a word: unsubscribed, or the connection has ended. Detaches before it returns."""
        self._is_over = True
        if self._is_dropped:
            return
        self._is_dropped = True
        self._on_over()
        detach, self._detach = self._detach, None
        if detach is None:
            return
        try:
            detach()
        except Exception as error:  # noqa: BLE001 (a feed that cannot let go must not end the connection)
            log_defect("detach_failed", error, subscription=self._id)

    def _offer_batch(self, events: list[bytes]) -> bool:
        if len(events) == 1:
            return self.offer(events[0])
        return not self._is_over and self._offered(frames.write_events(self._head, events))

    def _offered(self, frame: bytes) -> bool:
        if self._outbox.offer(frame):
            return True
        self.lag()
        return False

    def _frame(self, event: bytes) -> bytes | None:
        if self._is_over:
            return None
        frame = b"%b%b%b" % (self._head, event, frames.EVENT_TAIL)
        if len(frame) <= self._max_sent_bytes:
            return frame
        self.end(WireError(ErrorCode.TOO_LARGE, "An event is longer than a frame may be; ask for it in pages."))
        return None

    def _finish(self, frame: bytes) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._outbox.add(frame)
        # Later, because the feed that offers may be walking over the very collection that its detach changes.
        asyncio.get_running_loop().call_soon(self.drop)
