"""The other side of a peer: our calls to the other end, and our subscriptions there."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

from ws.protocol.envelope import Caller, CallId, CancelParams, Incoming, RpcError
from ws.protocol.errors import ErrorCode, WireError
from ws.rpc import frames
from ws.rpc.events import EventQueue
from ws.rpc.feeds import Lagging
from ws.rpc.limits import Limits
from ws.rpc.outbox import Outbox

UNSUBSCRIBE_DEADLINE_S = 5.0
"""How long a closing subscription waits for the other end to say that it has stopped."""


class Subscription(EventQueue):
    """Our subscription at the other end: `result`, then an async iterator of encoded events, in order.

    Iterating raises Lagging when events were lost (here or there) and WireError when the other end ended it; it stops
    when the events are complete or the subscription was closed. One reader, who closes it.
    """

    def __init__(self, call_id: int, max_bytes: int, forget: Callable[["Subscription"], Awaitable[None]]) -> None:
        super().__init__(max_bytes)
        self.id = call_id
        self.result = b""
        self._forget = forget

    async def aclose(self) -> None:
        """Tell the other end to stop, if it has not; drop the events that were not taken."""
        self.clear()
        if not self.is_over:
            self.end()
            await self._forget(self)

    close = aclose


class Calling:
    """Our calls in flight. Each ends exactly once: by its answer, its deadline, its cancellation or the connection."""

    def __init__(self, name: str, outbox: Outbox, limits: Limits) -> None:
        self._name = name
        self._outbox = outbox
        self._limits = limits
        self._ids = itertools.count(1)
        self._pending: dict[CallId, asyncio.Future[bytes]] = {}
        self._subscriptions: dict[CallId, Subscription] = {}
        self._is_closed = False

    async def call(self, method: str, params: bytes, deadline_s: float, caller: Caller | None) -> bytes:
        return await self._call(next(self._ids), method, params, deadline_s, caller)

    async def subscribe(self, method: str, params: bytes, deadline_s: float, caller: Caller | None) -> Subscription:
        if len(self._subscriptions) >= self._limits.max_subscriptions:
            raise WireError(ErrorCode.RATE_LIMITED, f"Too many subscriptions at {self._name} at once; try again.")
        subscription = Subscription(next(self._ids), self._limits.subscription_bytes, self._forget)
        # Before the call: its first events may be in the same read as its result.
        self._subscriptions[subscription.id] = subscription
        try:
            subscription.result = await self._call(subscription.id, method, params, deadline_s, caller)
        except BaseException:
            self._subscriptions.pop(subscription.id, None)
            raise
        return subscription

    def answered(self, answer: Incoming) -> None:
        """Settle the call that `answer` belongs to; one that is not awaited any more is dropped."""
        future = None if answer.id is None else self._pending.get(answer.id)
        if future is None or future.done():
            return
        if answer.error is None:
            future.set_result(bytes(answer.result))
        else:
            future.set_exception(_wire_error(answer.error))

    def event(self, subscription_id: CallId, event: bytes) -> int | None:
        """Hand an event to its subscription. Returns the id when the other end must be told to stop."""
        subscription = self._subscriptions.get(subscription_id)
        if subscription is None or subscription.offer(event):
            return None
        del self._subscriptions[subscription_id]
        return subscription.id

    def finished(self, subscription_id: CallId, end: Lagging | WireError | StopAsyncIteration) -> None:
        """The other end has ended a subscription."""
        subscription = self._subscriptions.pop(subscription_id, None)
        if subscription is not None:
            subscription.finish(end)

    def cancel(self, call_id: CallId) -> None:
        """Tell the other end that nobody waits for this call (or reads this subscription) any more."""
        self._outbox.add(frames.write_notification("cancel", frames.encode(CancelParams(id=call_id))))

    def close(self) -> None:
        """The connection has ended, and with it every call and subscription: `node_offline`."""
        self._is_closed = True
        for future in self._pending.values():
            if not future.done():
                future.set_exception(self._offline())
        for subscription in self._subscriptions.values():
            subscription.finish(self._offline())
        self._subscriptions.clear()

    async def _call(self, call_id: int, method: str, params: bytes, deadline_s: float, caller: Caller | None) -> bytes:
        frame = frames.write_call(call_id, method, params, caller)
        self._check(frame)
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._pending[call_id] = future
        try:
            async with asyncio.timeout(deadline_s):
                if not await self._outbox.put(frame):
                    raise self._offline()
                return await future
        except TimeoutError as error:
            self.cancel(call_id)
            detail = (
                f"{self._name} did not answer within {deadline_s:g} s; it may be busy, so look before you repeat it."
            )
            raise WireError(ErrorCode.TIMEOUT, detail) from error
        except asyncio.CancelledError:
            self.cancel(call_id)
            raise
        finally:
            del self._pending[call_id]
            if future.done() and not future.cancelled():
                future.exception()  # looked at: an answer that lost against the deadline is no unhandled error

    def _check(self, frame: bytes) -> None:
        if self._is_closed:
            raise self._offline()
        if len(frame) > self._limits.max_sent_bytes:
            detail = f"The call is longer than {self._limits.max_sent_bytes // 1024} KiB; send less at once."
            raise WireError(ErrorCode.TOO_LARGE, detail)
        if len(self._pending) >= self._limits.max_pending_calls:
            raise WireError(ErrorCode.RATE_LIMITED, f"Too many calls wait for {self._name}; try again in a moment.")

    async def _forget(self, subscription: Subscription) -> None:
        if self._subscriptions.pop(subscription.id, None) is None:
            return
        params = b'{"subscription":%d}' % subscription.id
        try:
            await self.call("unsubscribe", params, UNSUBSCRIBE_DEADLINE_S, None)
        except WireError:
            self.cancel(subscription.id)  # what was not taken as a call is taken as a note

    def _offline(self) -> WireError:
        return WireError(
            ErrorCode.NODE_OFFLINE, f"The connection to {self._name} has ended; try again when it is back."
        )


def _wire_error(error: RpcError) -> WireError:
    if error.data is not None:
        return WireError.from_data(error.data, error.code)
    return WireError(
        ErrorCode.INTERNAL, error.message or "The other end failed without saying why.", rpc_code=error.code
    )
