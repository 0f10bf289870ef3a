"""One snapshot and then each change, pushed: a change is in the outbox before the call that made it is answered."""

from collections import deque

from ws.rpc import EventSink, Feed

MAX_WAITING_BYTES = 1024 * 1024
"""Changes between the snapshot and the moment its answer has gone out."""


class Broadcast:
    """Events for any number of subscriptions, encoded once."""

    def __init__(self) -> None:
        self._listeners: set[_Listener] = set()

    def publish(self, event: bytes) -> None:
        """Hand `event` (JSON) to every subscription now; one without room for it lags."""
        for listener in list(self._listeners):
            listener.take(event)

    def feed(self, snapshot: bytes) -> Feed:
        """A subscription that begins with `snapshot` (JSON of the result), made in the same breath as this call."""
        listener = _Listener()
        self._listeners.add(listener)

        def attach(sink: EventSink) -> "_Detach":
            listener.attach(sink)
            return _Detach(self._listeners, listener)

        return Feed(snapshot, attach)


class _Detach:
    def __init__(self, listeners: "set[_Listener]", listener: "_Listener") -> None:
        self._listeners = listeners
        self._listener = listener

    def __call__(self) -> None:
        self._listeners.discard(self._listener)


class _Listener:
    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._sink: EventSink | None = None

    def take(self, event: bytes) -> None:
        if self._sink is not None:
            self._sink.offer(event)
            return
        self._waiting_bytes += len(event)
        if self._waiting_bytes <= MAX_WAITING_BYTES:
            self._waiting.append(event)

    def attach(self, sink: EventSink) -> None:
        self._sink = sink
        if self._waiting_bytes > MAX_WAITING_BYTES:
            sink.lag()
        while self._waiting and sink.offer(self._waiting.popleft()):
            pass
        self._waiting.clear()
