"""Two connections joined byte for byte. What one sends the other gets; nothing is parsed."""

import asyncio
from dataclasses import dataclass
from typing import Literal

import structlog

from ws.streams.raw import RawProtocol, RawSocket, can_half_close, end_writing

log = structlog.get_logger(__name__)

LINGER_S = 5.0
"""Once one side has ended, the other has this long to take what is on its way and to end too; then it is cut."""


@dataclass(frozen=True, slots=True)
class SpliceEnd:
    """Who ended first, whether it had to be cut, and how many bytes were passed on each way."""

    first: Literal["left", "right", "us"]
    is_cut: bool
    left_to_right_bytes: int
    right_to_left_bytes: int


class Splice:
    """Joins `left` and `right` at once; `wait` returns when both have ended.

    Back-pressure is TCP's own: while one side does not take bytes, the other is not read. So at most the write buffer
    of a side and one read are in memory.
    """

    def __init__(self, left: RawSocket, right: RawSocket, *, name: str) -> None:
        self._name = name
        self._left = _Half(left, self)
        self._right = _Half(right, self)
        self._left.other, self._right.other = self._right, self._left
        self._first: Literal["left", "right", "us"] | None = None
        self._is_cut = False
        self._linger: asyncio.TimerHandle | None = None
        for raw, other in ((left, right), (right, left)):
            if other.is_ended:
                raw.initial = b""  # there is nobody to write it to
        left.hand_to(self._left)
        right.hand_to(self._right)

    async def wait(self) -> SpliceEnd:
        """Return when both connections have ended. Cancelled, it cuts both."""
        try:
            await self._left.raw.wait_ended()
            await self._right.raw.wait_ended()
        finally:
            self.abort()
        end = SpliceEnd(self._first or "us", self._is_cut, self._left.passed_bytes, self._right.passed_bytes)
        log.debug("splice_ended", name=self._name, first=end.first, is_cut=end.is_cut)
        return end

    def abort(self) -> None:
        """Cut both connections now, as when access was revoked."""
        self._ended("us")
        if self._linger is not None:
            self._linger.cancel()
        for half in (self._left, self._right):
            if not half.raw.is_ended:
                self._is_cut = True
                half.raw.abort()

    def half_ended(self, half: "_Half") -> None:
        """The first sign that `half` is going starts the time that both have left."""
        if self._ended("left" if half is self._left else "right"):
            self._linger = asyncio.get_running_loop().call_later(LINGER_S, self.abort)

    def _ended(self, first: Literal["left", "right", "us"]) -> bool:
        if self._first is not None:
            return False
        self._first = first
        return True


class _Half(RawProtocol):
    """One of the two connections. `passed_bytes` is what it sent and the other was given."""

    other: "_Half"

    def __init__(self, raw: RawSocket, splice: Splice) -> None:
        super().__init__(raw)
        self.passed_bytes = 0
        self._has_eof = False
        self._transport = raw.transport
        self._splice = splice

    def data_received(self, data: bytes) -> None:
        self.passed_bytes += len(data)
        self.other._transport.write(data)  # noqa: SLF001 (the hot path: one read, one write)

    def pause_writing(self) -> None:
        self.other._transport.pause_reading()  # noqa: SLF001

    def resume_writing(self) -> None:
        if not self.other._transport.is_closing():  # noqa: SLF001
            self.other._transport.resume_reading()  # noqa: SLF001

    def eof_received(self) -> bool:
        self._has_eof = True
        self._splice.half_ended(self)
        other = self.other
        if other.raw.transport.is_closing():
            return False
        if other._has_eof or not (can_half_close(self._transport) and can_half_close(other._transport)):  # noqa: SLF001
            other.raw.transport.close()
            return False
        end_writing(other.raw.transport)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._splice.half_ended(self)
        self.other._transport.close()  # noqa: SLF001 (sends what it has first)


async def splice(left: RawSocket, right: RawSocket, *, name: str) -> SpliceEnd:
    """Join both until both have ended; cancel it to cut them. For more than waiting use :class:`Splice`."""
    return await Splice(left, right, name=name).wait()
