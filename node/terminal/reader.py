"""One reader of a terminal: what it was sent, what it has consumed, and what it may be sent next."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from node.terminal.scrollback import Scrollback
from node.terminal.size import Size
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.terminals import CREDIT_WINDOW_BYTES, Exit, Skipped, TerminalFrame

FRAME_BYTES = 64 * 1024
"""Longest binary frame: what one wake-up of the PTY loop brings."""
_encode = msgspec.json.Encoder().encode


class ReaderSink(Protocol):
    """Where the frames go. Sending never waits: credit bounds what may be under way. `end` is the last of all."""

    def send_bytes(self, data: bytes) -> None: ...

    def send_text(self, text: str) -> None: ...

    def end(self, why: WireError) -> None: ...


class Reader:
    """Credit of one reader, in offsets of the terminal's life.

    `sent` is the offset of the next byte to send, `acknowledged` of the next to consume: at most CREDIT_WINDOW_BYTES
    lie between them. A reader is `is_aside` after it consumed too little for too long: the program does not wait for it
    until it has consumed half of what it was sent. While `is_held_back` its own input keeps its acknowledgements from
    being heard, so the program does not wait either.
    `on_torn` is called when it goes on with output that draws only parts of what is to be seen. `follows_sizes`: it
    shows the sizes that it is told, its own as well. `is_attached` between its first frame and its leaving.
    """

    def __init__(
        self, sink: ReaderSink, scrollback: Scrollback, *, start: int, may_type: bool, on_torn: Callable[[], None]
    ) -> None:
        self._sink = sink
        self._on_torn = on_torn
        self._scrollback = scrollback
        self.acknowledged = start
        self._gap = (start, start)
        self.sent = start
        self.may_type = may_type
        self.is_aside = False
        self.is_held_back = False
        self.size: Size | None = None
        self.follows_sizes = False
        self.is_attached = False
        self._has_heard_exit = False

    @property
    def credit(self) -> int:
        """How far the program may get ahead of now; 0 or less when it has to wait for this reader."""
        return self.acknowledged + CREDIT_WINDOW_BYTES - self._scrollback.end

    @property
    def holds_program(self) -> bool:
        return not (self.is_aside or self.is_held_back)

    def send_frame(self, frame: TerminalFrame) -> None:
        self._sink.send_text(_encode(frame).decode())

    def tell_exit(self, frame: Exit) -> None:
        """Say once how the program ended."""
        if not self._has_heard_exit:
            self._has_heard_exit = True
            self.send_frame(frame)

    def end(self, why: WireError) -> None:
        """There is nothing more to read."""
        self._sink.end(why)

    def flush(self) -> None:
        """Send what credit allows."""
        if self.is_aside:
            return
        if self.sent < self._scrollback.start:
            self._skip()
        limit = min(self._scrollback.end, self.acknowledged + CREDIT_WINDOW_BYTES)
        while self.sent < limit:
            end = min(limit, self.sent + FRAME_BYTES)
            self._sink.send_bytes(self._scrollback.read(self.sent, end))
            self.sent = end

    def acknowledge(self, offset: int) -> None:
        """Take note that output up to `offset` is consumed, and send what that makes room for.

        Old offsets are harmless. Raises WireError (invalid) for bytes that were never sent.
        """
        if offset > self.sent:
            raise WireError(
                ErrorCode.INVALID,
                f"Byte {offset} cannot be acknowledged, only {self.sent} were sent; acknowledge what has arrived.",
            )
        before, after = self._gap
        consumed = offset if offset >= after else min(offset, before) + after - before
        self.acknowledged = max(self.acknowledged, consumed)
        if self.is_aside and self.sent - self.acknowledged <= CREDIT_WINDOW_BYTES // 2:
            self.is_aside = False
            self._skip()
        self.flush()

    def _skip(self) -> None:
        """Go on near the present: one window before the end. What is still unread in between is gone for this reader.

        Bytes before the gap that it has not consumed yet go on counting against its credit.
        """
        wanted = max(self.sent, self._scrollback.start, self._scrollback.end - CREDIT_WINDOW_BYTES)
        if wanted == self.sent:
            return
        to, preamble, is_picture_whole = self._scrollback.begin(wanted)
        self.send_frame(Skipped(start=self.sent, to=to, preamble=preamble))
        if not is_picture_whole:
            self._on_torn()
        self.acknowledged += to - self.sent
        self._gap = (self.sent, to)
        self.sent = to
