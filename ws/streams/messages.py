"""Messages put together from frames, waiting to be taken in order."""

from collections import deque

from websockets.frames import Frame, Opcode

_COST_BYTES = 64
"""What a message costs beside its bytes, so that empty ones count too."""

_DATA = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})


class MessageQueue:
    """Fed with checked frames. `waiting_bytes` is what has not been taken; the owner stops feeding when it is much."""

    def __init__(self) -> None:
        self.waiting_bytes = 0
        self._messages: deque[tuple[bytes | str, int]] = deque()
        self._partial = bytearray()
        self._is_text = False

    def __len__(self) -> int:
        return len(self._messages)

    def feed(self, frame: Frame) -> None:
        """Take a frame in. Raises UnicodeDecodeError when it completes a text that is not UTF-8."""
        if frame.opcode not in _DATA:
            return
        if frame.opcode is not Opcode.CONT:
            self._is_text = frame.opcode is Opcode.TEXT
        # Joined as they come: a list of fragments would grow with their number, which nothing bounds.
        self._partial += frame.data
        if not frame.fin:
            return
        data = bytes(self._partial)
        self._partial.clear()
        cost_bytes = len(data) + _COST_BYTES
        self._messages.append((data.decode() if self._is_text else data, cost_bytes))
        self.waiting_bytes += cost_bytes

    def take(self) -> bytes | str:
        """The oldest message. Raises IndexError when there is none."""
        message, cost_bytes = self._messages.popleft()
        self.waiting_bytes -= cost_bytes
        return message

    def clear(self) -> None:
        self._messages.clear()
        self.waiting_bytes = 0
