"""Messages that wait to be taken, in order."""

from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice

_COST_BYTES = 64
"""What a message costs beside its bytes, so that empty ones count too."""
_LOOKED_AT = 4096
"""Of those that wait, when a key is looked for: 0.5 ms. One that comes later is asked about as it comes."""


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
        self._keep(each for each in list(self._messages) if isinstance(each, str))

    def drop_to_key(self, is_taken: Callable[[bytes], bool]) -> bool:
        """Forget the first binary message of one byte that `is_taken`, and the binary ones before it. False: none was.

        Each byte is asked about once, and not all messages are looked at.
        """
        refused: set[bytes] = set()
        for index, message in enumerate(islice(self._messages, _LOOKED_AT)):
            if isinstance(message, str) or len(message) != 1 or message in refused:
                continue
            if is_taken(message):
                waiting = list(self._messages)
                texts = [each for each in waiting[:index] if isinstance(each, str)]
                self._keep([*texts, *waiting[index + 1 :]])
                return True
            refused.add(message)
        return False

    def _keep(self, messages: Iterable[bytes | str]) -> None:
        self.clear()
        for message in messages:
            self.add(message)

    def clear(self) -> None:
        self._messages.clear()
        self.waiting_bytes = 0
