"""What a session feed remembers: the newest events, and the blocks that are being streamed. Pure, no I/O."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from ws.protocol.events import Delta

RING_BYTES = 1024 * 1024
"""Events kept for readers who come back after a blink. Older ones are asked for at the node."""

OPEN_TEXT_CHARS = 4 * 1024 * 1024
"""Text of all open blocks together. Beyond it who joins gets no beginning, but still the durable block."""

MAX_OPEN_BLOCKS = 256
"""Agents write a handful at a time; what a node begins beyond it is treated the same."""


class Ring:
    """The events with `floor < seq <= head`, without a gap."""

    def __init__(self, floor: int, max_bytes: int = RING_BYTES) -> None:
        self.floor = floor
        self.head = floor
        self._max_bytes = max_bytes
        self._bytes = 0
        self._events: deque[tuple[int, bytes]] = deque()

    def add(self, seq: int, event: bytes) -> bool:
        """Append the next event. False: it is no next one, and the ring now begins with it, empty before."""
        is_next = seq == self.head + 1
        if not is_next:
            self._events.clear()
            self._bytes = 0
            self.floor = seq - 1
        self._events.append((seq, event))
        self._bytes += len(event)
        self.head = seq
        while self._bytes > self._max_bytes and len(self._events) > 1:
            self.floor, dropped = self._events.popleft()
            self._bytes -= len(dropped)
        return is_next

    def after(self, seq: int) -> list[tuple[int, bytes]]:
        """The events beyond `seq`, which must not lie below the floor."""
        newer: list[tuple[int, bytes]] = []
        for event in reversed(self._events):
            if event[0] <= seq:
                break
            newer.append(event)
        return newer[::-1]


@dataclass
class _Block:
    first: Delta
    parts: list[str]
    length: int


class OpenBlocks:
    """The text so far of each block that streams, put together from its deltas."""

    def __init__(self) -> None:
        self._blocks: dict[str, _Block] = {}
        self._length = 0

    def add(self, delta: Delta) -> None:
        """Take a delta in. One that does not continue its block ends what is known of it."""
        block = self._blocks.get(delta.message_id)
        if delta.offset == 0:
            self.close(delta.message_id)
            if len(self._blocks) >= MAX_OPEN_BLOCKS:
                return
            block = self._blocks[delta.message_id] = _Block(delta, [], 0)
        if block is None:
            return
        if delta.offset != block.length or self._length + len(delta.text) > OPEN_TEXT_CHARS:
            self.close(delta.message_id)
            return
        block.parts.append(delta.text)
        block.length += len(delta.text)
        self._length += len(delta.text)

    def close(self, message_id: str) -> None:
        """The durable block is here; an unknown one is fine."""
        block = self._blocks.pop(message_id, None)
        if block is not None:
            self._length -= block.length

    def clear(self) -> None:
        """The turn has ended."""
        self._blocks.clear()
        self._length = 0

    def __iter__(self) -> Iterator[Delta]:
        """One delta from offset 0 for each block."""
        for block in self._blocks.values():
            if len(block.parts) > 1:
                block.parts = ["".join(block.parts)]
            yield msgspec.structs.replace(block.first, text="".join(block.parts))
