"""`main_server.py` had it been chosen to take each frame apart and put it together anew. For `choices` alone."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import main_server
from ws.streams import RawSocket, Splice, splicing
from ws.streams.frames import MAX_MESSAGE_BYTES
from ws.streams.parsing import Close, Event, FrameParser, Opcode, Passed, Ping, unmask, write_head

_NO_CODE = 1005


class _ParsingHalf(splicing._Half):
    """The least that it can cost: our own parser, in the callback of the transport, no task and no queue."""

    def __init__(self, raw: RawSocket, splice: Splice) -> None:
        super().__init__(raw, splice)
        self._parser: FrameParser | None = None

    def data_received(self, data: bytes) -> None:
        is_page = self._splice._left is self
        if self._parser is None:
            self._parser = FrameParser(MAX_MESSAGE_BYTES, is_masked=is_page)
        self._parser.feed(data)
        while (event := self._parser.next_event()) is not None:
            self._pass(*_frame(event), is_page=is_page)

    def _pass(self, opcode: Opcode, data: bytes, *, is_page: bool) -> None:
        self.passed_bytes += len(data)
        head, other = write_head(opcode, len(data)), self.other._transport
        if is_page:  # towards the node Main is the client
            key = os.urandom(4)
            other.write(bytes((head[0], head[1] | 0x80)) + head[2:] + key + unmask(data, key))
        else:
            other.writelines((head, data))


def _frame(event: Event) -> tuple[Opcode, bytes]:
    match event:
        case bytes():
            return Opcode.BINARY, event
        case str():
            return Opcode.TEXT, event.encode()
        case Ping():
            return Opcode.PING, event.data
        case Passed():
            return Opcode.PONG, b""
        case Close():
            code = b"" if event.code == _NO_CODE else event.code.to_bytes(2, "big")
            return Opcode.CLOSE, code + event.reason.encode()


if __name__ == "__main__":
    vars(splicing)[splicing._Half.__name__] = _ParsingHalf
    sys.exit(main_server.main())
