"""Live text and live output: what goes out while an item is not finished.

The ids of blocks are ours and counted: a retry begins a new item with a new id of Codex, but goes on with the same
block here, so what a dead attempt left on the screen is overwritten.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from ws.protocol.events import Delta

Kind = Literal["text", "thought"]

OUTPUT_CHARS = 16 * 1024
"""The end of a running command's output; each update goes into the journal whole."""

FIRST_S = 0.5
LONGEST_S = 30.0
"""Between two updates of one command: the pause doubles up to this, so an hour of output is some 120 updates."""


@dataclass
class _Block:
    message_id: str
    kind: Kind
    offset: int = 0


class Blocks:
    """The unfinished blocks of one session; `prefix` keeps its ids apart from those of other agents."""

    def __init__(self, prefix: str | None = None) -> None:
        self._prefix = prefix or secrets.token_hex(6)
        self._count = 0
        self._open: dict[str, _Block] = {}
        self._stale: dict[Kind, str] = {}

    def delta(self, item: str, kind: Kind, text: str, parent: str | None) -> Delta | None:
        """More text of an item."""
        if not text:
            return None
        block = self._block(item, kind)
        delta = Delta(message_id=block.message_id, kind=kind, offset=block.offset, text=text, parent=parent)
        block.offset += len(text)
        return delta

    def has_begun(self, item: str) -> bool:
        return item in self._open

    def finish(self, item: str, kind: Kind) -> str:
        """The id for the block of an item that is complete now."""
        message_id = self._block(item, kind).message_id
        del self._open[item]
        return message_id

    def abandon(self) -> None:
        """The model is asked again: blocks that were begun will be begun anew."""
        for block in self._open.values():
            self._stale.setdefault(block.kind, block.message_id)
        self._open.clear()

    def cut_off(self) -> None:
        """The turn is over: what it left unfinished keeps its id."""
        self._open.clear()
        self._stale.clear()

    def _block(self, item: str, kind: Kind) -> _Block:
        if item not in self._open:
            message_id = self._stale.pop(kind, None)
            if message_id is None:
                message_id = f"{self._prefix}-{self._count}"
                self._count += 1
            self._open[item] = _Block(message_id, kind)
        return self._open[item]


@dataclass
class LiveOutput:
    """What a running command has printed; `clock` in seconds."""

    clock: Callable[[], float]
    _text: str = ""
    _dropped: int = 0
    _pause_s: float = FIRST_S
    _next_s: float = field(default=0.0)

    def add(self, text: str) -> str | None:
        """The output to show now, or None when it is too soon."""
        text = self._text + text
        self._dropped += max(0, len(text) - OUTPUT_CHARS)
        self._text = text[-OUTPUT_CHARS:]
        if self.clock() < self._next_s:
            return None
        self._next_s = self.clock() + self._pause_s
        self._pause_s = min(LONGEST_S, 2 * self._pause_s)
        shown = self._text.rstrip("\n")
        return f"… {self._dropped} characters before …\n{shown}" if self._dropped else shown
