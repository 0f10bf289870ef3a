"""The frames that wait for one peer: bounded in bytes, first in first out, with a rule for full for each kind."""

import asyncio

from ws.rpc.limits import Limits


class Outbox:
    """Written to by many tasks, read by one writer.

    Full means something else to each kind of frame: live events are refused (`offer`), answers and replays wait
    (`put`), and the few small frames that keep both ends of one mind (`lagging`, `ended`, `cancel`) always go in
    (`add`): there is at most one of them for each subscription and call, which are bounded themselves.
    A frame of any length fits an empty outbox. A frame counts until it is sent, not until it is taken.

    Most peers are idle pages: nothing is made for waiting before somebody waits.
    """

    def __init__(self, limits: Limits) -> None:
        self._outbox_bytes = limits.outbox_bytes
        self._replay_bytes = limits.replay_bytes
        self._frames: list[bytes] = []
        self._waiting_bytes = 0
        self._is_closed = False
        self._is_finished = False
        self._writer: asyncio.Future[None] | None = None
        self._released: asyncio.Event | None = None
        # A lock wakes in order and survives cancellation; so only one task of each kind watches for room.
        self._answer_turn = asyncio.Lock()
        self._replay_turn = asyncio.Lock()

    @property
    def waiting_bytes(self) -> int:
        return self._waiting_bytes

    @property
    def is_closed(self) -> bool:
        """What was taken and not sent is not wanted any more."""
        return self._is_closed

    def add(self, frame: bytes) -> None:
        """Queue a control frame, full or not. Does nothing once the outbox is closed."""
        if self._is_closed or self._is_finished:
            return
        self._frames.append(frame)
        self._waiting_bytes += len(frame)
        self._wake_writer()

    def offer(self, frame: bytes) -> bool:
        """Queue a live event if there is room for it now."""
        if self._is_closed or self._is_finished or not self._fits(frame, self._outbox_bytes):
            return False
        self.add(frame)
        return True

    async def put(self, frame: bytes, *, is_replay: bool = False) -> bool:
        """Queue `frame` as soon as there is room, in the order of asking. False: the connection has ended."""
        turn, bound = (self._replay_turn, self._replay_bytes) if is_replay else (self._answer_turn, self._outbox_bytes)
        async with turn:
            try:
                await self._room(frame, bound)
            finally:
                self._wake()  # whoever waits for this one to be gone looks again
            if self._is_closed or self._is_finished:
                return False
            self.add(frame)
            return True

    async def room(self) -> None:
        """Wait until no answer waits for room (or the end): the reader asks this before it takes the next frame."""
        while self._answer_turn.locked() and not self._is_closed:
            await self._release()

    async def take(self) -> list[bytes]:
        """The frames that wait, for the writer alone; none when the outbox is closed, or finished and empty."""
        while not self._frames and not self._is_closed and not self._is_finished:
            self._writer = asyncio.get_running_loop().create_future()
            try:
                await self._writer
            finally:
                self._writer = None
        taken, self._frames = self._frames, []
        return taken

    def sent(self, frame: bytes) -> None:
        """Give the room of a frame that was taken back."""
        self._waiting_bytes -= len(frame)
        self._wake()

    def finish(self) -> None:
        """Take no more frames; what is queued is still sent."""
        self._is_finished = True
        self._wake_writer()
        self._wake()

    def close(self) -> None:
        """Drop what is queued and let everybody who waits go."""
        self._is_closed = True
        self._frames.clear()
        self._wake_writer()
        self._wake()

    def _fits(self, frame: bytes, bound: int) -> bool:
        return self._waiting_bytes == 0 or self._waiting_bytes + len(frame) <= bound

    async def _room(self, frame: bytes, bound: int) -> None:
        while not self._fits(frame, bound) and not self._is_closed and not self._is_finished:
            await self._release()

    async def _release(self) -> None:
        if self._released is None:
            self._released = asyncio.Event()
        self._released.clear()
        await self._released.wait()

    def _wake(self) -> None:
        if self._released is not None:
            self._released.set()

    def _wake_writer(self) -> None:
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)
