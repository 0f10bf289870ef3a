"""Streaming text: what is open now, and how often it goes out."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from ws.protocol.events import AgentMessage, AgentThought, Delta, JournalEvent, TurnEnded

FLUSH_INTERVAL_S = 0.03
"""The first text goes out at once, more of it at most this often: about two frames of a screen."""

KEEP_INTERVAL_S = 2.0
"""What is open is kept beside the journal so often: at most so much of it is lost when the node is killed."""

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

    def add(self, delta: Delta) -> bool:
        """False when it leaves a gap or makes the block too long, and is not taken."""
        if self.length != delta.offset or self.length + len(delta.text) > MAX_OPEN_CHARS:
            return False
        self.pieces.append(delta.text)
        self.length += len(delta.text)
        return True

    def since(self, offset: int) -> Delta:
        self.pieces = ["".join(self.pieces)]
        return replace(self.first, offset=offset, text=self.pieces[0][offset:])

    def copy(self) -> "_Open":
        return _Open(self.first, [*self.pieces], self.length, self.sent)


_Blocks = dict[tuple[str, str], _Open]


class OpenBlocks:
    """The unfinished blocks of a session, by message id and kind. `publish` gets what readers shall see, in order;
    `keep` all that is open, now and then.
    """

    def __init__(self, publish: Callable[[Delta], None], keep: Callable[[list[Delta]], None]) -> None:
        self._publish = publish
        self._keep = keep
        self._keep_at: asyncio.TimerHandle | None = None
        self._open: _Blocks = {}
        self._flush_at: asyncio.TimerHandle | None = None
        self._last_flush_s = 0.0

    def take(self, delta: Delta) -> None:
        """More text of a block. One with offset 0 begins it anew; one that leaves a gap is dropped."""
        block = _grown(self._open, delta)
        if block is not None:
            self._schedule(block.length - block.sent)
            self._keep_soon()

    def superseded(self, event: JournalEvent) -> None:
        """A durable event is about to be published: what came before it goes out, and its own block is done."""
        self.flush()
        _close(self._open, event)
        if self._open:  # what is kept goes with each event
            self._keep_soon()

    def restored(self, deltas: Sequence[Delta]) -> None:
        """What was open when the node was killed; nobody watches yet."""
        for delta in deltas:
            if (block := _grown(self._open, delta)) is not None:
                block.sent = block.length

    def with_cut_off(self, items: Sequence[JournalEvent | Delta]) -> list[JournalEvent | Delta]:
        """`items`, and in front of the end of a turn that was cut off what people saw of its unfinished blocks.

        Changes nothing here: whether `items` can be written is not known yet.
        """
        if not any(_is_cut(item) for item in items):
            return [*items]
        blocks = {key: block.copy() for key, block in self._open.items()}
        found: list[JournalEvent | Delta] = []
        for item in items:
            if isinstance(item, Delta):
                _ = _grown(blocks, item)
            else:
                if _is_cut(item):
                    found += _durable(blocks)
                _close(blocks, item)
            found.append(item)
        return found

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

    def _keep_soon(self) -> None:
        if self._keep_at is None:
            self._keep_at = asyncio.get_running_loop().call_later(KEEP_INTERVAL_S, self._kept)

    def _kept(self) -> None:
        self._keep_at = None
        if self._open:
            self._keep([block.since(0) for block in self._open.values() if block.length])

    def _schedule(self, unsent_chars: int) -> None:
        loop = asyncio.get_running_loop()
        wait_s = self._last_flush_s + FLUSH_INTERVAL_S - loop.time()
        if unsent_chars >= FLUSH_CHARS or wait_s <= 0:
            self.flush()
        elif self._flush_at is None:
            self._flush_at = loop.call_later(wait_s, self.flush)


def _grown(blocks: _Blocks, delta: Delta) -> _Open | None:
    """The block that has taken `delta`, begun anew when its offset is 0; None when it was not taken."""
    key = (delta.message_id, delta.kind)
    if delta.offset == 0:
        # The block that was begun last comes last.
        _ = blocks.pop(key, None)
        blocks[key] = _Open(replace(delta, text=""))
    block = blocks.get(key)
    return block if block is not None and block.add(delta) else None


def _close(blocks: _Blocks, event: JournalEvent) -> None:
    match event:
        case AgentMessage() | AgentThought():
            # It takes the place of all that was streamed under its id, also of a dead attempt of the other kind.
            for kind in ("text", "thought"):
                blocks.pop((event.message_id, kind), None)
        case TurnEnded():
            blocks.clear()
        case _:
            pass


def _is_cut(item: JournalEvent | Delta) -> bool:
    return isinstance(item, TurnEnded) and item.stop_reason in {"error", "cancelled", "node_restarted"}


def _durable(blocks: _Blocks) -> list[AgentMessage | AgentThought]:
    """The blocks as they are; of one that a retry began anew as another kind only that."""
    newest = {block.first.message_id: block for block in blocks.values() if block.length}
    return [
        (AgentMessage if block.first.kind == "text" else AgentThought)(
            message_id=message_id, text=block.since(0).text, parent=block.first.parent
        )
        for message_id, block in newest.items()
    ]
