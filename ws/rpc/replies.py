"""Where the answer of one call goes: a frame of its own, or its place in the array that answers a batch."""

import asyncio
from typing import Protocol

from ws.protocol.envelope import CallId
from ws.protocol.errors import ErrorCode, WireError
from ws.rpc import frames
from ws.rpc.outbox import Outbox


class Reply(Protocol):
    """Used by one call: `give` at most once, `release` when the call is over, given or not."""

    async def give(self, call_id: CallId | None, answer: bytes) -> bool:
        """Returns when the answer is queued; False: the connection has ended or the answer was replaced by an error."""

    def release(self) -> None:
        """A call that is released without an answer was cancelled."""


def too_long(max_bytes: int) -> WireError:
    return WireError(
        ErrorCode.TOO_LARGE, f"The answer is longer than {max_bytes // 1024} KiB; ask for less, or for pages."
    )


class Alone:
    """The reply of a call that came in a frame of its own."""

    def __init__(self, outbox: Outbox, max_bytes: int) -> None:
        self._outbox = outbox
        self._max_bytes = max_bytes

    async def give(self, call_id: CallId | None, answer: bytes) -> bool:
        if len(answer) > self._max_bytes:
            await self._outbox.put(frames.write_error(call_id, too_long(self._max_bytes)))
            return False
        return await self._outbox.put(answer)

    def release(self) -> None:
        pass


class Batch:
    """The answers of one batch, sent as one array when all have come. `run` is a task of its own."""

    def __init__(self, outbox: Outbox, max_bytes: int) -> None:
        self._outbox = outbox
        self._max_bytes = max_bytes
        self._missing = 0
        self._answers: list[bytes] = []
        self._bytes = 0
        self._complete = asyncio.Event()
        self._sent: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def place(self) -> "BatchPlace":
        """A place for one more call. All are taken before `run` starts."""
        self._missing += 1
        return BatchPlace(self)

    def add(self, call_id: CallId | None, answer: bytes) -> bool:
        """False: the array would be too long, so an error stands in this place."""
        fits = self._bytes + len(answer) <= self._max_bytes
        if not fits:
            answer = frames.write_error(call_id, too_long(self._max_bytes))
        self._answers.append(answer)
        self._bytes += len(answer) + 1
        return fits

    def count_down(self) -> None:
        self._missing -= 1
        if not self._missing:
            self._complete.set()

    async def sent(self) -> bool:
        return await asyncio.shield(self._sent)

    async def run(self) -> None:
        """Send the array, if there is an answer in it: a batch of notifications gets none."""
        is_sent = False
        try:
            if self._missing:
                await self._complete.wait()
            is_sent = bool(self._answers) and await self._outbox.put(frames.write_batch(self._answers))
        finally:
            self._sent.set_result(is_sent)


class BatchPlace:
    """The reply of one call of a batch."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._is_released = False

    async def give(self, call_id: CallId | None, answer: bytes) -> bool:
        fits = self._batch.add(call_id, answer)
        self.release()
        return await self._batch.sent() and fits

    def release(self) -> None:
        if not self._is_released:
            self._is_released = True
            self._batch.count_down()
