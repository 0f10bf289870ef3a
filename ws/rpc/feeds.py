"""What a handler answers to a subscription, and the sink into which its events go."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ws.defects import internal_error
from ws.protocol.errors import WireError
from ws.tasks import TaskOwner


class Lagging(Exception):
    """A reader of events fell behind a bounded buffer and missed some; it asks again from its cursor."""


class EventSink(Protocol):
    """One subscription as its serving side sees it. `event` is the encoded JSON of the event value.

    After the subscription is over (unsubscribed, lagging, ended, connection gone) every method does nothing.
    """

    def offer(self, event: bytes) -> bool:
        """Send a live event now. False: there was no room, `lagging` has been sent and the subscription is over."""

    def offer_all(self, events: Sequence[bytes]) -> bool:
        """Send live events that have come together, in as few messages as the other end takes; else like `offer`."""

    async def send(self, event: bytes) -> bool:
        """Send an event of a replay as soon as there is room; it never lags. False: the subscription is over."""

    def lag(self) -> None:
        """Send `lagging`: the source itself fell behind. The subscription is over."""

    def end(self, error: WireError | None = None) -> None:
        """Send `ended`, with the reason unless the events are complete. The subscription is over."""


Detach = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Feed:
    """A handler's answer to a subscription op.

    `result` is sent first. Then `attach` is called, exactly once whatever happens (also when the caller has gone, with
    a sink that takes nothing), and may offer events at once. What it returns is called exactly once when the
    subscription is over for whatever reason, never from within a method of the sink.
    """

    result: bytes
    attach: Callable[[EventSink], Detach]


Answer = bytes | Feed


def feed_from(result: bytes, events: AsyncIterator[bytes], owner: TaskOwner, name: str) -> Feed:
    """A feed of everything that `events` yields, pumped by a task of `owner`.

    Waits for room before each event, so a long replay never lags. `events` may raise WireError (the subscription ends
    with it) or Lagging (the reader is told to ask again); at its end the subscription ends as complete. It is
    closed (`aclose`, if it has one) when the subscription is over, even when nothing was taken from it.
    """

    def attach(sink: EventSink) -> Detach:
        pump = _Pump(events, sink, name)
        task = owner.start(pump.run(), name=name)

        def detach() -> None:
            # A task cancelled before its first step never runs, and then nobody would close the iterator.
            pump.is_stopped = True
            if pump.is_running:
                task.cancel()

        return detach

    return Feed(result, attach)


class _Pump:
    def __init__(self, events: AsyncIterator[bytes], sink: EventSink, name: str) -> None:
        self.is_stopped = False
        self.is_running = False
        self._events = events
        self._sink = sink
        self._name = name

    async def run(self) -> None:
        self.is_running = True
        try:
            if not self.is_stopped:
                await self._forward()
        except Lagging:
            self._sink.lag()
        except WireError as error:
            self._sink.end(error)
        except Exception as error:  # noqa: BLE001 (the boundary of the source: the reader must be told)
            self._sink.end(internal_error("feed_failed", error, feed=self._name))
        finally:
            close = getattr(self._events, "aclose", None)
            if close is not None:
                await close()

    async def _forward(self) -> None:
        async for event in self._events:
            if not await self._sink.send(event):
                return
        self._sink.end()
