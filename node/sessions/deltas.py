"""Streaming text: what is open now, and how often it goes out."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from ws.protocol.events import AgentMessage, AgentThought, Delta, JournalEvent, TurnEnded

FLUSH_INTERVAL_S = 0.03
"""The first text goes out at once, more of it at most this often: about two frames of a screen."""

FLUSH_CHARS = 4096
"""More than this does not wait."""

MAX_OPEN_CHARS = 128 * 1024
"""Of one block. Who joins gets the block so far as one delta, which must fit an event (a character is at most 6 bytes
of JSON). A longer block is shown whole when it is done."""


@dataclass(slots=True)
class _Open:
    """`sent` of the block's `length` characters have gone out."""

    first: Delta
    pieces: list[str] = field(default_factory=list)
    length: int = 0
    sent: int = 0

    def since(self, offset: int) -> Delta:
        self.pieces = ["".join(self.pieces)]
        return replace(self.first, offset=offset, text=self.pieces[0][offset:])


class OpenBlocks:
    """The unfinished blocks of a session, by message id and kind. `publish` gets what readers shall see, in order."""

    def __init__(self, publish: Callable[[Delta], None]) -> None:
        self._publish = publish
        self._open: dict[tuple[str, str], _Open] = {}
        self._flush_at: asyncio.TimerHandle | None = None
        self._last_flush_s = 0.0

    def take(self, delta: Delta) -> None:
        """More text of a block. One with offset 0 begins it anew; one that leaves a gap is dropped."""
        key = (delta.message_id, delta.kind)
        block = self._open.get(key)
        if delta.offset == 0:
            block = self._open[key] = _Open(replace(delta, text=""))
        if block is None or block.length != delta.offset or block.length + len(delta.text) > MAX_OPEN_CHARS:
            return
        block.pieces.append(delta.text)
        block.length += len(delta.text)
        self._schedule(block.length - block.sent)

    def superseded(self, event: JournalEvent) -> None:
        """A durable event is about to be published: what came before it goes out, and its own block is done."""
        self.flush()
        match event:
            case AgentMessage():
                self._open.pop((event.message_id, "text"), None)
            case AgentThought():
                self._open.pop((event.message_id, "thought"), None)
            case TurnEnded():
                self._open.clear()
            case _:
                pass

    def flush(self) -> None:
        """Publish what has not gone out."""
        if self._flush_at is not None:
            self._flush_at.cancel()
            self._flush_at = None
        for block in self._open.values():
            if block.sent < block.length:
                self._publish(block.since(block.sent))
                block.sent = block.length
        self._last_flush_s = asyncio.get_running_loop().time()

    def so_far(self) -> list[Delta]:
        """One delta from offset 0 for each open block: what somebody who joins now is missing. Flushes first."""
        self.flush()
        return [block.since(0) for block in self._open.values() if block.sent]

    def _schedule(self, unsent_chars: int) -> None:
        loop = asyncio.get_running_loop()
        wait_s = self._last_flush_s + FLUSH_INTERVAL_S - loop.time()
        if unsent_chars >= FLUSH_CHARS or wait_s <= 0:
            self.flush()
        elif self._flush_at is None:
            self._flush_at = loop.call_later(wait_s, self.flush)
