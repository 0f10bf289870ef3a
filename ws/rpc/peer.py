"""A JSON-RPC 2.0 peer over one WebSocket: the same for a browser's socket and for both ends of a link."""

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from ws.defects import log_defect
from ws.protocol.envelope import Caller, CancelParams, EndedParams, EventParams, Incoming, LaggingParams
from ws.protocol.errors import WireError
from ws.rpc import frames
from ws.rpc.calling import Calling, Subscription
from ws.rpc.feeds import Lagging
from ws.rpc.limits import BROWSER_LIMITS, Limits
from ws.rpc.outbox import Outbox
from ws.rpc.serving import Handler, IncomingCall, Serving
from ws.rpc.socket import Socket
from ws.rpc.stall import StallWatch
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

FLUSH_DEADLINE_S = 0.5
"""What is queued when a peer is closed (an `ended`, a last answer) has this long to go out."""

NotificationHandler = Callable[[str, bytes], None]
"""Called with method and raw params of a notification that is not the peer's own business."""


_decode_event = msgspec.json.Decoder(EventParams).decode
_decode_lagging = msgspec.json.Decoder(LaggingParams).decode
_decode_ended = msgspec.json.Decoder(EndedParams).decode
_decode_cancel = msgspec.json.Decoder(CancelParams).decode


class Peer:
    """One end of a connection: answers the other end's calls with `handler`, and makes calls itself.

    `name` is how logs and error sentences call the other end. `is_caller_believed` is for a node alone, whose calls
    come from Main. `on_notify` hears of notifications other than the peer's own (`event`, `lagging`, `ended`,
    `cancel`); without it they are ignored.
    """

    def __init__(
        self,
        socket: Socket,
        handler: Handler,
        *,
        name: str,
        limits: Limits = BROWSER_LIMITS,
        is_caller_believed: bool = False,
        on_notify: NotificationHandler | None = None,
    ) -> None:
        self.name = name
        self._socket = socket
        self._limits = limits
        self._is_caller_believed = is_caller_believed
        self._on_notify = on_notify
        self._is_open = True
        self._outbox = Outbox(limits)
        self._owner = TaskOwner(f"peer {name}")
        self._serving = Serving(handler, self._outbox, limits, self._owner)
        self._calling = Calling(name, self._outbox, limits)
        self._is_flushed = False
        self._flushed: asyncio.Event | None = None  # made by who waits for it: 0.7 KB of an idle page

    @property
    def is_open(self) -> bool:
        """True until the socket has ended or `close` was called."""
        return self._is_open

    @property
    def waiting_bytes(self) -> int:
        """Of frames that are not sent yet."""
        return self._outbox.waiting_bytes

    @property
    def subscriptions(self) -> int:
        """How many of the other end's are held here."""
        return len(self._serving)

    async def run(self) -> None:
        """Read and write until the socket has ended. Called once.

        Afterwards every pending call and subscription has failed with `node_offline` and every feed is detached.
        """
        _ = self._owner.start(self._write(), name="writer")
        try:
            await self._read()
        finally:
            if self._is_open:
                self._is_open = False
                self._socket.abort()
            self._calling.close()
            self._serving.close()
            self._outbox.close()
            await self._owner.close()
            await self._socket.close(1001, "")

    async def call(self, method: str, params: bytes, *, deadline_s: float, caller: Caller | None = None) -> bytes:
        """Call the other end; `params` and the result are encoded JSON.

        Raises WireError: the other end's own, `timeout` after `deadline_s` (which includes waiting for room in the
        outbox), `node_offline`, `too_large`, `rate_limited`. When cancelled it tells the other end.
        """
        return await self._calling.call(method, params, deadline_s, caller)

    async def subscribe(
        self, method: str, params: bytes, *, deadline_s: float, caller: Caller | None = None
    ) -> Subscription:
        """Call a subscription op; raises like `call`. The caller closes what it gets."""
        return await self._calling.subscribe(method, params, deadline_s, caller)

    def notify(self, method: str, params: bytes) -> None:
        """Send a notification. Nobody answers it, so one that finds the outbox full is dropped and logged."""
        if self._is_open and not self._outbox.offer(frames.write_notification(method, params)):
            log.warning("notification_dropped", peer=self.name, method=method)

    def end_subscriptions(self, error: WireError) -> None:
        """Send `ended` for each that the other end holds here."""
        self._serving.end_all(error)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send what is queued (at most 0.5 s), then close the socket (at most 1 s); `run` returns."""
        if not self._is_open:
            return
        self._is_open = False
        self._outbox.finish()
        try:
            async with asyncio.timeout(FLUSH_DEADLINE_S):
                await self._wait_flushed()
        except TimeoutError:
            log.info("peer_closed_unflushed", peer=self.name, waiting_bytes=self._outbox.waiting_bytes)
        await self._socket.close(code, reason)

    async def _wait_flushed(self) -> None:
        if not self._is_flushed:
            self._flushed = asyncio.Event()
            await self._flushed.wait()

    async def _read(self) -> None:
        while (frame := await self._socket.receive()) is not None:
            try:
                self._take(frame)
            except Exception as error:  # noqa: BLE001 (the boundary: no frame may end the connection)
                log_defect("frame_failed", error, peer=self.name)
            await self._outbox.room()

    def _take(self, frame: bytes) -> None:
        read = frames.read_frame(frame, self._limits)
        if isinstance(read, list):
            calls = [call for element in read if (call := self._sort(element)) is not None]
            if calls:
                self._serving.accept_batch(calls)
        elif (call := self._sort(read)) is not None:
            self._serving.accept(call)

    def _sort(self, frame: frames.Frame) -> IncomingCall | frames.Refused | None:
        """What must be answered is returned; answers to our calls and notifications are dealt with here."""
        if isinstance(frame, frames.Refused):
            return frame
        if frame.method is None:
            self._calling.answered(frame)
        elif frame.id is None:
            self._notified(frame.method, frame)
        else:
            params = bytes(frame.params) or frames.EMPTY_OBJECT
            caller = frame.caller if self._is_caller_believed else None
            return IncomingCall(frame.id, frame.method, params, caller, self)
        return None

    def _notified(self, method: str, frame: Incoming) -> None:
        try:
            self._dispatch_notification(method, bytes(frame.params) or frames.EMPTY_OBJECT)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.info("notification_unreadable", peer=self.name, method=method[:64], reason=str(error))

    def _dispatch_notification(self, method: str, params: bytes) -> None:
        if method == "event":
            event = _decode_event(params)
            stopped = self._calling.event(event.subscription, bytes(event.event))
            if stopped is not None:
                self._calling.cancel(stopped)
        elif method == "cancel":
            self._serving.stop(_decode_cancel(params).id)
        elif method == "lagging":
            self._calling.finished(_decode_lagging(params).subscription, Lagging("the other end lost events"))
        elif method == "ended":
            ended = _decode_ended(params)
            end = StopAsyncIteration() if ended.error is None else WireError.from_data(ended.error)
            self._calling.finished(ended.subscription, end)
        elif self._on_notify is not None:
            self._on_notify(method, params)

    async def _write(self) -> None:
        watch = StallWatch(self._limits.stall_s, self._socket.unsent_bytes, self._stalled)
        try:
            while taken := await self._outbox.take():
                for frame in taken:
                    if self._outbox.is_closed:
                        return
                    watch.sending()
                    await self._socket.send(frame)
                    watch.sent()
                    self._outbox.sent(frame)
        except ConnectionError as error:
            log.debug("peer_unreachable", peer=self.name, reason=str(error))
            self._socket.abort()
        finally:
            watch.stop()
            self._is_flushed = True
            if self._flushed is not None:
                self._flushed.set()

    def _stalled(self) -> None:
        log.info("peer_stalled", peer=self.name, stall_s=self._limits.stall_s)
        self._socket.abort()
