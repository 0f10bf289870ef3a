"""Messages that wait to be taken, in order."""

from collections import deque

_COST_BYTES = 64
"""What a message costs beside its bytes, so that empty ones count too."""


class MessageQueue:
    """`waiting_bytes` is what has not been taken; the owner stops adding when it is much."""

    def __init__(self) -> None:
        self.waiting_bytes = 0
        self._messages: deque[bytes | str] = deque()

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, message: bytes | str) -> None:
        self._messages.append(message)
        self.waiting_bytes += len(message) + _COST_BYTES

    def take(self) -> bytes | str:
        """The oldest message. Raises IndexError when there is none."""
        message = self._messages.popleft()
        self.waiting_bytes -= len(message) + _COST_BYTES
        return message

    def drop_binary(self) -> None:
        """Forget the binary messages that wait; texts stay."""
        texts = [each for each in self._messages if isinstance(each, str)]
        self.clear()
        for text in texts:
            self.add(text)

    def clear(self) -> None:
        self._messages.clear()
        self.waiting_bytes = 0
