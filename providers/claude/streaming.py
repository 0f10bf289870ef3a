"""Live text: deltas of the block that is being written, under the id that the finished block will have.

The ids are ours and counted: a retry begins a new API message with a new id, but goes on with the same block here, so
what a dead attempt left on the screen is overwritten. The finished block comes before the end of its stream.
"""

import secrets
from typing import Any, Literal

from ws.protocol.events import Delta

_Kind = Literal["text", "thought"]
_KINDS: dict[str, _Kind] = {"text": "text", "thinking": "thought"}


class LiveText:
    """The main thread's blocks of one agent process; `prefix` keeps its ids apart from those of other processes."""

    def __init__(self, prefix: str | None = None) -> None:
        self._prefix = prefix or secrets.token_hex(6)
        self._finished = 0
        self._asides = 0
        self._kind: _Kind | None = None
        self._offset = 0
        self._has_streamed = False
        """Something of the block that is not finished yet has gone out."""

    def feed(self, event: dict[str, Any]) -> Delta | None:
        """A raw event of the Messages API's stream."""
        match event.get("type"):
            case "message_start":
                self._begin(None)
            case "content_block_start":
                self._begin(_KINDS.get(event.get("content_block", {}).get("type", "")))
            case "content_block_delta":
                delta = event.get("delta", {})
                return self._delta(delta.get("text") or delta.get("thinking") or "")
            case _:
                pass
        return None

    def finish(self) -> str:
        """The id for a block that is complete now; the next block gets another one."""
        message_id = f"{self._prefix}-{self._finished}"
        self._finished += 1
        self._has_streamed = False
        self._begin(None)
        return message_id

    def cut_off(self) -> None:
        """The turn is over: a block that it left unfinished keeps its id, the next turn begins with another."""
        if self._has_streamed:
            _ = self.finish()

    def aside(self) -> str:
        """The id for a block of a sub-agent, which is not streamed."""
        self._asides += 1
        return f"{self._prefix}-aside-{self._asides}"

    def _begin(self, kind: _Kind | None) -> None:
        self._kind = kind
        self._offset = 0

    def _delta(self, text: str) -> Delta | None:
        if self._kind is None or not text:
            return None
        message_id = f"{self._prefix}-{self._finished}"
        delta = Delta(message_id=message_id, kind=self._kind, offset=self._offset, text=text)
        self._offset += len(text)
        self._has_streamed = True
        return delta
