"""One side of a peer: the calls of the other end, handled concurrently, and the subscriptions that it holds here."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from ws.defects import internal_error
from ws.protocol.envelope import Caller, CallId, UnsubscribeParams
from ws.protocol.errors import ErrorCode, WireError, invalid
from ws.requests import begin_request
from ws.rpc import frames
from ws.rpc.feeds import Answer, Feed
from ws.rpc.limits import Limits
from ws.rpc.outbox import Outbox
from ws.rpc.replies import Alone, Batch, Reply
from ws.rpc.served import ServedSubscription
from ws.tasks import TaskOwner

if TYPE_CHECKING:
    from ws.rpc.peer import Peer


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """One call of the other end. `params` is raw JSON, `{}` when absent.

    `caller` is None unless the peer was told to believe it: only a node believes it, and only of Main.
    """

    id: CallId
    method: str
    params: bytes
    caller: Caller | None
    peer: "Peer"


Handler = Callable[[IncomingCall], Awaitable[Answer]]
"""Answers one call. Raises WireError; any other exception is a defect and becomes `internal`."""


class Serving:
    """Runs the handler for each call as a task; an error in one call never touches another, or the connection."""

    def __init__(self, handler: Handler, outbox: Outbox, limits: Limits, owner: TaskOwner) -> None:
        self._handler = handler
        self._outbox = outbox
        self._limits = limits
        self._owner = owner
        self._running: dict[CallId, asyncio.Task[None]] = {}
        self._subscriptions: dict[CallId, ServedSubscription] = {}
        self._is_closed = False

    def __len__(self) -> int:
        """How many subscriptions are held."""
        return len(self._subscriptions)

    def accept(self, call: IncomingCall | frames.Refused) -> None:
        """Begin a call that came alone, or answer what is none with its error."""
        self._begin(call, self._alone())

    def accept_batch(self, calls: Sequence[IncomingCall | frames.Refused]) -> None:
        """Begin the calls of one batch; their answers go out together."""
        batch = Batch(self._outbox, self._limits.max_sent_bytes)
        for call in calls:
            self._begin(call, batch.place())
        _ = self._owner.start(batch.run(), name="batch")

    def stop(self, call_id: CallId) -> None:
        """End a call or a subscription at the wish of the other end. An unknown id has ended already."""
        task = self._running.get(call_id)
        if task is not None:
            task.cancel()
        subscription = self._subscriptions.get(call_id)
        if subscription is not None:
            subscription.drop()

    def end_all(self, error: WireError) -> None:
        """End every subscription and tell the other end why."""
        for subscription in list(self._subscriptions.values()):
            subscription.end(error)

    def close(self) -> None:
        """Detach every feed. The running calls are cancelled by the owner of their tasks."""
        self._is_closed = True
        for subscription in list(self._subscriptions.values()):
            subscription.drop()

    def _alone(self) -> Alone:
        return Alone(self._outbox, self._limits.max_sent_bytes)

    def _begin(self, call: IncomingCall | frames.Refused, reply: Reply) -> None:
        refused = call if isinstance(call, frames.Refused) else self._objection(call)
        if refused is not None:
            _ = self._owner.start(self._refuse(refused, reply), name="refuse")
        elif isinstance(call, IncomingCall):
            task = self._owner.start(self._serve(call, reply), name=f"call {call.method[:64]}")
            self._running[call.id] = task
            # Not in the task's own `finally`: a task that is cancelled before its first step has none.
            task.add_done_callback(lambda _: self._over(call.id, reply))

    def _over(self, call_id: CallId, reply: Reply) -> None:
        del self._running[call_id]
        reply.release()

    def _objection(self, call: IncomingCall) -> frames.Refused | None:
        if call.id in self._running or call.id in self._subscriptions:
            detail = "This id is in use by a call or subscription that has not ended."
            return frames.Refused(call.id, frames.invalid_request(detail))
        if len(self._running) >= self._limits.max_running_calls:
            detail = f"More than {self._limits.max_running_calls} calls at once on this connection; wait for answers."
            return frames.Refused(call.id, WireError(ErrorCode.RATE_LIMITED, detail))
        return None

    async def _refuse(self, refused: frames.Refused, reply: Reply) -> None:
        await reply.give(refused.id, frames.write_error(refused.id, refused.error))

    async def _serve(self, call: IncomingCall, reply: Reply) -> None:
        answer, feed = await self._answer(call)
        is_given = False
        try:
            is_given = await reply.give(call.id, answer)
        finally:
            if feed is not None:
                self._attach(call.id, feed, is_wanted=is_given and not self._is_closed)

    async def _answer(self, call: IncomingCall) -> tuple[bytes, Feed | None]:
        begin_request(None if call.caller is None else call.caller.request)
        try:
            answer = self._unsubscribe(call) if call.method == "unsubscribe" else await self._handler(call)
        except WireError as error:
            return frames.write_error(call.id, error), None
        except Exception as error:  # noqa: BLE001 (the boundary: a defect in one call must not end the connection)
            defect = internal_error("call_failed", error, peer=call.peer.name, method=call.method[:64])
            return frames.write_error(call.id, defect), None
        if isinstance(answer, Feed):
            return frames.write_result(call.id, answer.result), answer
        return frames.write_result(call.id, answer), None

    def _unsubscribe(self, call: IncomingCall) -> bytes:
        try:
            params = msgspec.json.decode(call.params, type=UnsubscribeParams)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise invalid("subscription", "`unsubscribe` takes `subscription`, the id of its call.") from error
        self.stop(params.subscription)
        return frames.EMPTY_OBJECT

    def _attach(self, call_id: CallId, feed: Feed, *, is_wanted: bool) -> None:
        def forget() -> None:
            self._subscriptions.pop(call_id, None)

        subscription = ServedSubscription(call_id, self._outbox, self._limits, on_over=forget)
        if not is_wanted:
            subscription.void()
        elif len(self._subscriptions) >= self._limits.max_subscriptions:
            detail = f"More than {self._limits.max_subscriptions} subscriptions on this connection; end some first."
            subscription.end(WireError(ErrorCode.RATE_LIMITED, detail))
        else:
            self._subscriptions[call_id] = subscription
        subscription.attach(feed)
