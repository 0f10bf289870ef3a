"""A WebSocket client that costs next to nothing: own framing on a blocking socket, into one buffer that is kept."""

import contextlib
import socket
import struct
from collections.abc import Sequence

TEXT, BINARY = 1, 2
ONCE_BYTES = 256 * 1024
"""At most read at once."""
ROOM_BYTES = 4 * ONCE_BYTES
"""No frame may be longer."""


class WebSocket:
    """A connection whose handshake is done. Nothing has a deadline here: whoever measures sets one for all."""

    def __init__(self, address: tuple[str, int], path: str, headers: Sequence[str]) -> None:
        self._socket = socket.create_connection(address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._room = memoryview(bytearray(ROOM_BYTES))
        self._begin = self._end = 0
        lines = [f"GET {path} HTTP/1.1", f"Host: {address[0]}:{address[1]}", "Upgrade: websocket", *headers]
        lines += ["Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        while (length := bytes(self._room[: self._end]).find(b"\r\n\r\n")) < 0:
            self._receive()
        head = bytes(self._room[:length])
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            raise ConnectionError(head.decode("latin-1"))
        self._begin = length + 4

    def send(self, opcode: int, data: bytes) -> None:
        if len(data) < 126:
            length = bytes([0x80 | len(data)])
        elif len(data) < 1 << 16:
            length = b"\xfe" + struct.pack("!H", len(data))
        else:
            length = b"\xff" + struct.pack("!Q", len(data))
        self._socket.sendall(bytes([0x80 | opcode]) + length + b"\0\0\0\0" + data)

    def receive(self) -> list[tuple[int, memoryview]]:
        """At least one whole frame: opcode and payload, which lasts until the next call."""
        while not (frames := self._frames()):
            self._receive()
        return frames

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # a thread that writes ends too
        self._socket.close()

    def _receive(self) -> None:
        left = self._end - self._begin
        if not left or ROOM_BYTES - self._end < ONCE_BYTES:
            self._room[:left] = self._room[self._begin : self._end]
            self._begin, self._end = 0, left
        assert self._end < ROOM_BYTES, "a frame is longer than expected"
        count = self._socket.recv_into(self._room[self._end : self._end + ONCE_BYTES])
        if not count:
            raise ConnectionError("the socket has ended")
        self._end += count

    def _frames(self) -> list[tuple[int, memoryview]]:
        room, start, end, found = self._room, self._begin, self._end, []
        while end >= start + 2:
            length, head = room[start + 1], 2
            if length == 126:
                length, head = int.from_bytes(room[start + 2 : start + 4], "big"), 4
            elif length == 127:
                length, head = int.from_bytes(room[start + 2 : start + 10], "big"), 10
            if end < start + head + length:
                break
            found.append((room[start] & 15, room[start + head : start + head + length]))
            start += head + length
        self._begin = start
        return found
