"""What types into a terminal and reads from it, one for each way there; plain blocking code, the least that works."""

import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable, Sequence
from typing import Protocol

from tests.bench.terminal.websocket import BINARY, ONCE_BYTES, TEXT, WebSocket

ACK_EVERY_BYTES = 64 * 1024


class End(Protocol):
    """One reader of one terminal."""

    def type(self, data: bytes) -> None: ...

    def read(self) -> bytes:
        """At least one byte of output."""

    def count(self) -> int:
        """As `read`, for output of plain letters that nobody wants."""

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
        self._room = [bytearray(ONCE_BYTES)]

    def type(self, data: bytes) -> None:
        os.write(self._master, data)

    def read(self) -> bytes:
        return os.read(self._master, ONCE_BYTES)

    def count(self) -> int:
        return os.readv(self._master, self._room)

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
        self._room = [bytearray(ONCE_BYTES)]

    def type(self, data: bytes) -> None:
        os.write(self._in, data)

    def read(self) -> bytes:
        data = os.read(self._out, ONCE_BYTES)
        if not data:
            raise ConnectionError("ssh has ended")
        return data

    def count(self) -> int:
        return os.readv(self._out, self._room)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class Page:
    """A page of ours: acknowledges what it has dealt with. `end` ends the terminal, which would outlive the page."""

    def __init__(self, address: tuple[str, int], token: str, node: str, terminal: str, end: Callable[[], None]) -> None:
        self._given = (address, token, node, terminal)
        self._end = end
        self.ack_every_bytes = ACK_EVERY_BYTES
        path = f"/ws/terminal?node={node}&terminal={terminal}"
        self._socket = WebSocket(address, path, [f"Authorization: Bearer {token}"])
        self._is_attached = False
        self._position = self._acknowledged = 0
        self._waiting: list[bytes] = []
        while not self._is_attached:
            self._waiting += [bytes(payload) for payload in self._output()]

    def beside(self) -> "Page":
        """A second reader of the same terminal, which does not end with it."""
        return Page(*self._given, end=lambda: None)

    def type(self, data: bytes) -> None:
        self._socket.send(BINARY, data)

    def read(self) -> bytes:
        """One frame: a page draws what came piece by piece, and acknowledges what it has drawn."""
        self._acknowledge()
        while not self._waiting:
            self._waiting = [bytes(payload) for payload in self._output()]
        output = self._waiting.pop(0)
        self._position += len(output)
        return output

    def count(self) -> int:
        self._acknowledge()
        counted = sum(map(len, self._waiting))
        self._waiting = []
        while not counted:
            counted = sum(map(len, self._output()))
        self._position += counted
        return counted

    def close(self) -> None:
        self._socket.close()
        self._end()

    def _acknowledge(self) -> None:
        if self._position - self._acknowledged >= self.ack_every_bytes:
            self._acknowledged = self._position
            self._socket.send(TEXT, b'{"type":"ack","offset":%d}' % self._position)

    def _output(self) -> list[memoryview]:
        output = []
        for opcode, payload in self._socket.receive():
            if opcode == BINARY:
                output.append(payload)
            elif opcode == TEXT:
                self._heed(json.loads(bytes(payload)))
        return output

    def _heed(self, frame: dict[str, int | str]) -> None:
        if frame["type"] == "attached":
            self._is_attached = True
            self._position = self._acknowledged = int(frame["offset"])
        elif frame["type"] == "skipped":  # the bytes in between never come
            self._position += int(frame["to"]) - int(frame["from"])
        elif frame["type"] == "error":
            raise ConnectionError(str(frame["detail"]))


class Ttyd:
    """A page of ttyd 1.7: the first byte of each message says what it is; it has no acknowledgements."""

    _OUTPUT = ord("0")

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = WebSocket(address, "/ws", ["Sec-WebSocket-Protocol: tty"])
        self._socket.send(BINARY, b'{"AuthToken":"","columns":80,"rows":24}')

    def type(self, data: bytes) -> None:
        self._socket.send(BINARY, b"0" + data)

    def read(self) -> bytes:
        while True:
            output = b"".join(payload[1:] for _, payload in self._socket.receive() if payload[0] == self._OUTPUT)
            if output:
                return output

    def count(self) -> int:
        while True:
            counted = sum(len(payload) - 1 for _, payload in self._socket.receive() if payload[0] == self._OUTPUT)
            if counted:
                return counted

    def close(self) -> None:
        self._socket.close()


class Terminado:
    """A page of terminado 0.18: lists of JSON, no acknowledgements."""

    _BEFORE, _AFTER = b'["stdout", "', b'"]'

    def __init__(self, address: tuple[str, int], path: str) -> None:
        self._socket = WebSocket(address, path, [])
        self._socket.send(TEXT, b'["set_size", 24, 80, 0, 0]')

    def type(self, data: bytes) -> None:
        self._socket.send(TEXT, json.dumps(["stdin", data.decode()]).encode())

    def read(self) -> bytes:
        while True:
            frames = [json.loads(bytes(payload)) for opcode, payload in self._socket.receive() if opcode == TEXT]
            output = "".join(said[0] for kind, *said in frames if kind == "stdout")
            if output:
                return output.encode()

    def count(self) -> int:
        before, around = memoryview(self._BEFORE), len(self._BEFORE) + len(self._AFTER)
        while True:
            frames = [payload for opcode, payload in self._socket.receive() if opcode == TEXT]
            counted = sum(len(each) - around for each in frames if each[: len(before)] == before)
            if counted:
                return counted

    def close(self) -> None:
        self._socket.close()


def restore_signals() -> None:
    """A program that a shell started in the background ignores SIGINT, and whatever it starts would too."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
