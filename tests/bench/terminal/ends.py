"""What types into a terminal and reads from it, one for each way there; plain blocking code, the least that works."""

import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

ACK_EVERY_BYTES = 64 * 1024
PATIENCE_S = 60.0


class End(Protocol):
    """One reader of one terminal."""

    def type(self, data: bytes) -> None: ...

    def read(self, deadline_s: float = PATIENCE_S) -> bytes:
        """At least one byte of output. Raises TimeoutError when there is none in time."""

    def close(self) -> None:
        """Leave; the program ends with it where nobody else keeps it."""


class Direct:
    """The reference: one process that has the PTY."""

    def __init__(self, script: str) -> None:
        self._pid, self._master = pty.fork()
        if not self._pid:
            restore_signals()
            os.execvp("sh", ["sh", "-c", script])
        os.set_inheritable(self._master, False)

    def type(self, data: bytes) -> None:
        os.write(self._master, data)

    def read(self, deadline_s: float = PATIENCE_S) -> bytes:
        _wait(self._master, deadline_s)
        return os.read(self._master, 65536)

    def close(self) -> None:
        os.close(self._master)
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


class Piped:
    """A program of its own between us and the terminal: the client of ssh."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()

    def type(self, data: bytes) -> None:
        os.write(self._in, data)

    def read(self, deadline_s: float = PATIENCE_S) -> bytes:
        _wait(self._out, deadline_s)
        data = os.read(self._out, 1 << 18)
        if not data:
            raise ConnectionError("ssh has ended")
        return data

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class WebSocket:
    """Own framing on a blocking socket."""

    def __init__(self, address: tuple[str, int], path: str, headers: Sequence[str]) -> None:
        self._socket = socket.create_connection(address, timeout=PATIENCE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = [f"GET {path} HTTP/1.1", f"Host: {address[0]}:{address[1]}", "Upgrade: websocket", *headers]
        lines += ["Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._buffer = b""
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += self._received()
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            raise ConnectionError(head.decode("latin-1"))

    def send(self, opcode: int, data: bytes) -> None:
        if len(data) < 126:
            length = bytes([0x80 | len(data)])
        elif len(data) < 1 << 16:
            length = b"\xfe" + struct.pack("!H", len(data))
        else:
            length = b"\xff" + struct.pack("!Q", len(data))
        self._socket.sendall(bytes([0x80 | opcode]) + length + b"\0\0\0\0" + data)

    def receive(self, deadline_s: float) -> list[tuple[int, bytes]]:
        """At least one whole frame: opcode and payload. Raises TimeoutError."""
        until_s = time.monotonic() + deadline_s
        while not (frames := list(self._frames())):
            self._socket.settimeout(max(0.001, until_s - time.monotonic()))
            self._buffer += self._received()
        return frames

    def close(self) -> None:
        self._socket.close()

    def _received(self) -> bytes:
        data = self._socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the socket has ended")
        return data

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        start = 0
        while len(self._buffer) >= start + 2:
            opcode, length, head = self._buffer[start] & 15, self._buffer[start + 1], 2
            if length == 126:
                length, head = int.from_bytes(self._buffer[start + 2 : start + 4], "big"), 4
            elif length == 127:
                length, head = int.from_bytes(self._buffer[start + 2 : start + 10], "big"), 10
            end = start + head + length
            if len(self._buffer) < end:
                break
            yield opcode, self._buffer[start + head : end]
            start = end
        self._buffer = self._buffer[start:]


class Page:
    """A page of ours: acknowledges what it has read. `end` ends the terminal, which would outlive the page."""

    def __init__(self, address: tuple[str, int], token: str, node: str, terminal: str, end: Callable[[], None]) -> None:
        self._end = end
        path = f"/ws/terminal?node={node}&terminal={terminal}"
        self._socket = WebSocket(address, path, [f"Authorization: Bearer {token}"])
        self._output: list[bytes] = []
        self._position: int | None = None
        self._acknowledged = 0
        while self._position is None:
            self._take(PATIENCE_S)

    def type(self, data: bytes) -> None:
        self._socket.send(2, data)

    def read(self, deadline_s: float = PATIENCE_S) -> bytes:
        while not self._output:
            self._take(deadline_s)
        output, self._output = b"".join(self._output), []
        assert self._position is not None
        self._position += len(output)
        if self._position - self._acknowledged >= ACK_EVERY_BYTES:
            self._acknowledged = self._position
            self._socket.send(1, b'{"type":"ack","offset":%d}' % self._position)
        return output

    def close(self) -> None:
        self._socket.close()
        self._end()

    def _take(self, deadline_s: float) -> None:
        for opcode, payload in self._socket.receive(deadline_s):
            if opcode == 2:
                self._output.append(payload)
            elif opcode == 1:
                self._heed(json.loads(payload))

    def _heed(self, frame: dict[str, int | str]) -> None:
        if frame["type"] == "attached":
            self._position = self._acknowledged = int(frame["offset"])
        elif frame["type"] == "skipped":  # the bytes in between never come
            assert self._position is not None
            self._position += int(frame["to"]) - int(frame["from"])
        elif frame["type"] == "error":
            raise ConnectionError(str(frame["detail"]))


class Ttyd:
    """A page of ttyd 1.7: the first byte of each message says what it is; it has no acknowledgements."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = WebSocket(address, "/ws", ["Sec-WebSocket-Protocol: tty"])
        self._socket.send(2, b'{"AuthToken":"","columns":80,"rows":24}')

    def type(self, data: bytes) -> None:
        self._socket.send(2, b"0" + data)

    def read(self, deadline_s: float = PATIENCE_S) -> bytes:
        while True:
            frames = self._socket.receive(deadline_s)
            output = b"".join(payload[1:] for _, payload in frames if payload[:1] == b"0")
            if output:
                return output

    def close(self) -> None:
        self._socket.close()


def restore_signals() -> None:
    """A program that a shell started in the background ignores SIGINT, and whatever it starts would too."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)


def _wait(descriptor: int, deadline_s: float) -> None:
    if not select.select([descriptor], [], [], deadline_s)[0]:
        raise TimeoutError
