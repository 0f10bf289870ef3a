"""What comes in frames, looked at in turns of the loop: one read may bring 40,000 of them."""

import asyncio
from collections.abc import Callable

from ws.streams.parsing import FRAMES_PER_TURN, Event, FrameError, FrameParser


class Turns:
    """Hands each event of `parser` to `take`: so many at once, the others in the loop's next turns.

    After each turn `turned` hears whether there may be more; until there is none, nothing further should be read.
    `failed` hears of a broken rule instead of a further event. `take` may do whatever it likes with the connection,
    and `stop` too. Should it raise in a later turn, where no transport notices, `failed` hears of that as well.
    """

    def __init__(
        self,
        parser: FrameParser,
        take: Callable[[Event], None],
        turned: Callable[[bool], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._parser = parser
        self._take = take
        self._turned = turned
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.Handle | None = None
        self._is_stopped = False
        self._at_the_end: list[Callable[[], object]] = []

    @property
    def is_pending(self) -> bool:
        """Something that came has not been looked at yet."""
        return self._next is not None

    def feed(self, data: bytes) -> None:
        """Bytes came."""
        if self._is_stopped:
            return
        self._parser.feed(data)
        if self._next is None:
            self._run()

    def stop(self) -> None:
        """What has not been looked at counts for nothing, and what still comes too."""
        self._is_stopped = True
        self._parser.clear()
        if self._next is not None and not self._at_the_end:
            self._next.cancel()
            self._next = None

    def at_the_end(self, call: Callable[[], object]) -> None:
        """Call it when everything that came has been looked at: now, unless something is pending."""
        if self._next is None:
            call()
        else:
            self._at_the_end.append(call)

    def _run(self) -> None:
        self._next = None
        has_more = False
        try:
            has_more = self._look()
        except FrameError as error:
            self.stop()
            self._failed(error)
        if has_more and not self._is_stopped:
            self._next = self._loop.call_soon(self._run_later)
        self._turned(self._next is not None)

    def _look(self) -> bool:
        """Whether there may be more than one turn's."""
        next_event, take = self._parser.next_event, self._take
        for _ in range(FRAMES_PER_TURN):
            event = next_event()
            if event is None:
                return False
            take(event)
        return True

    def _run_later(self) -> None:
        try:
            self._run()
        except Exception as error:
            self.stop()
            self._failed(error)
            raise
        finally:
            if self._next is None:
                calls, self._at_the_end = self._at_the_end, []
                for call in calls:
                    call()
