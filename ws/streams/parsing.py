"""Frames as RFC 6455 has them, section 5: read without I/O, strictly, no extensions."""

from enum import IntEnum
from typing import NamedTuple

MAX_CONTROL_BYTES = 125
"""RFC 6455, section 5.5."""
FRAMES_PER_TURN = 256
"""One read may bring 40,000 frames, pings say. Whoever parses looks at so many in a turn of the loop (about 1 ms)."""

_FIN = 0x80
_RESERVED = 0x70
_MASKED = 0x80
_KEY_BYTES = 4
_NAMED_CLOSE_CODES = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})
"""What may stand in a close frame below 3000: RFC 6455, section 7.4.1, and IANA's registry."""


class Opcode(IntEnum):
    """RFC 6455, section 11.8."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


_OPCODES = {int(each): each for each in Opcode}


class Close(NamedTuple):
    """The content of a close frame; 1005 when it has none."""

    code: int
    reason: str


class Ping(NamedTuple):
    """What a pong has to bring back."""

    data: bytes


class Passed(NamedTuple):
    """A frame that asks for nothing yet: a pong, or a fragment whose message goes on."""


class FrameError(Exception):
    """The client broke the rules; the connection closes with `code`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


Event = bytes | str | Ping | Close | Passed
"""A whole binary or text message, or what has to be answered, or neither: each frame is one event."""


def unmask(data: bytes | memoryview, key: bytes | memoryview) -> bytes:
    """Each byte of `data` XOR the one of `key` (4 bytes) whose turn it is; also masks. RFC 6455, section 5.3."""
    length = len(data)
    keys = (bytes(key) * (length // _KEY_BYTES + 1))[:length]
    # One long number: at the speed of C, whatever the length.
    return (int.from_bytes(data, "little") ^ int.from_bytes(keys, "little")).to_bytes(length, "little")


def write_head(opcode: int, length: int) -> bytes:
    """The head of an unmasked frame that is a whole message."""
    if length <= MAX_CONTROL_BYTES:
        return bytes((_FIN | opcode, length))
    if length < 1 << 16:
        return bytes((_FIN | opcode, 126)) + length.to_bytes(2, "big")
    return bytes((_FIN | opcode, 127)) + length.to_bytes(8, "big")


PASSED = Passed()


class FrameParser:
    """Fed with what comes; `next_event` goes through it frame by frame. A message, in however many frames, has a bound.

    What a client sends is masked, what a server sends is not; the other way round is a fault.

    In memory are at most one message's frames, a read beyond them, and what was put together of a message so far.
    """

    def __init__(self, max_message_bytes: int, *, is_masked: bool = True) -> None:
        self._mask = _MASKED if is_masked else 0
        self._key_bytes = _KEY_BYTES if is_masked else 0
        self._max_message_bytes = max_message_bytes
        self._buffer = bytearray()
        self._position = 0
        self._partial = bytearray()
        self._partial_opcode: Opcode | None = None

    @property
    def is_between_messages(self) -> bool:
        """Nothing waits for its rest."""
        return not self._buffer and self._partial_opcode is None

    @property
    def held_bytes(self) -> int:
        """Of a message that has begun, and what came behind it."""
        return len(self._buffer) - self._position + len(self._partial)

    def feed(self, data: bytes) -> None:
        """Take bytes in; `next_event` is called until it has nothing more."""
        self._buffer += data

    def clear(self) -> None:
        """Nothing more is wanted."""
        self._buffer.clear()
        self._partial.clear()
        self._position = 0

    def next_event(self) -> Event | None:
        """The next frame's, in order; None when more bytes are needed.

        Raises FrameError, and then is not called again.
        """
        frame = self._next_frame()
        if frame is None:
            del self._buffer[: self._position]
            self._position = 0
            return None
        return self._take(*frame)

    def _next_frame(self) -> tuple[Opcode, bool, bytes] | None:
        """Opcode, FIN and payload."""
        buffer, start = self._buffer, self._position
        if len(buffer) < start + 2:
            return None
        first, second = buffer[start], buffer[start + 1]
        opcode = self._checked(first, second)
        length, start = second & 0x7F, start + 2
        if length > MAX_CONTROL_BYTES:
            width, least = (2, 126) if length == 126 else (8, 1 << 16)
            if len(buffer) < start + width:
                return None
            length = int.from_bytes(buffer[start : start + width], "big")
            if length < least:
                raise FrameError(1002, "a length is longer than it need be")
            start += width
        if opcode < Opcode.CLOSE:
            if length + len(self._partial) > self._max_message_bytes:
                raise FrameError(1009, f"a message has at most {self._max_message_bytes} bytes")
            if (opcode is Opcode.CONTINUATION) is (self._partial_opcode is None):
                raise FrameError(1002, "a fragment is out of place")
        end = start + self._key_bytes + length
        if len(buffer) < end:
            return None
        self._position = end
        with memoryview(buffer) as whole:
            payload = bytes(whole[start + self._key_bytes : end])
            if self._mask:
                payload = unmask(payload, whole[start : start + _KEY_BYTES])
        return opcode, bool(first & _FIN), payload

    def _checked(self, first: int, second: int) -> Opcode:
        """The opcode, when the first two bytes of a frame are as they may be."""
        if first & _RESERVED:
            raise FrameError(1002, "a reserved bit is set")
        opcode = _OPCODES.get(first & 0x0F)
        if opcode is None:
            raise FrameError(1002, f"there is no opcode {first & 0x0F}")
        if second & _MASKED != self._mask:
            raise FrameError(1002, "a frame is not masked" if self._mask else "a frame is masked")
        if opcode >= Opcode.CLOSE:
            if not first & _FIN:
                raise FrameError(1002, "a control frame comes in pieces")
            if second & 0x7F > MAX_CONTROL_BYTES:
                raise FrameError(1002, f"a control frame has at most {MAX_CONTROL_BYTES} bytes")
        return opcode

    def _take(self, opcode: Opcode, is_last: bool, payload: bytes) -> Event:
        if opcode is Opcode.PING:
            return Ping(payload)
        if opcode is Opcode.CLOSE:
            return _close(payload)
        if opcode is Opcode.PONG:
            return PASSED
        if self._partial_opcode is None:
            if is_last:
                return payload if opcode is Opcode.BINARY else _text(payload)
            self._partial_opcode = opcode
        # Joined as they come: a list of fragments would grow with their number, which nothing bounds.
        self._partial += payload
        if not is_last:
            return PASSED
        opcode, self._partial_opcode = self._partial_opcode, None
        payload = bytes(self._partial)
        self._partial.clear()
        return payload if opcode is Opcode.BINARY else _text(payload)


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise FrameError(1007, "a text is not UTF-8") from error


def _close(payload: bytes) -> Close:
    if not payload:
        return Close(1005, "")
    code, reason = int.from_bytes(payload[:2], "big"), _text(payload[2:])
    if len(payload) == 1 or not (code in _NAMED_CLOSE_CODES or 3000 <= code < 5000):
        raise FrameError(1002, "a close code is none that may be sent")
    return Close(code, reason)
