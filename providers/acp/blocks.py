"""Live text: chunks become deltas of the block that is being written, and the block when it is complete.

Chunks have no end of their own: a block ends when something else comes, another message begins, or the turn is over.
"""

import secrets
from collections.abc import Iterator
from typing import Literal

from providers.bounds import parts
from ws.protocol.events import AgentMessage, AgentThought, Delta

Kind = Literal["text", "thought"]

MAX_BLOCK_CHARS = 8 * 1024 * 1024
"""A longer block is ended and another one begun, so that no agent can fill the memory with one."""


class LiveBlocks:
    """The blocks of one agent process; `prefix` keeps their ids apart from those of other processes."""

    def __init__(self, prefix: str | None = None) -> None:
        self._prefix = prefix or secrets.token_hex(6)
        self._count = 0
        self._kind: Kind | None = None
        self._parent: str | None = None
        self._source = ""
        self._pieces: list[str] = []
        self._chars = 0

    def feed(
        self, kind: Kind, text: str, source: str, parent: str | None
    ) -> Iterator[AgentMessage | AgentThought | Delta]:
        """A chunk; `source` is the agent's own id of its message, "" when it has none."""
        if not text:
            return
        is_another = (kind, parent) != (self._kind, self._parent) or bool(
            source and self._source and source != self._source
        )
        if is_another or self._chars >= MAX_BLOCK_CHARS:
            yield from self.finish()
            self._kind, self._parent = kind, parent
        self._source = source or self._source
        yield Delta(message_id=self._id, kind=kind, offset=self._chars, text=text, parent=parent)
        self._pieces.append(text)
        self._chars += len(text)

    def finish(self) -> Iterator[AgentMessage | AgentThought]:
        """The block that is being written, if there is one."""
        if self._pieces:
            made = AgentThought if self._kind == "thought" else AgentMessage
            for piece, part in parts("".join(self._pieces)):
                yield made(message_id=self._id, text=piece, part=part, parent=self._parent)
            self._count += 1
        self._kind, self._source, self._pieces, self._chars = None, "", [], 0

    @property
    def _id(self) -> str:
        return f"{self._prefix}-{self._count}"
