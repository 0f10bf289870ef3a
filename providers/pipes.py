"""The pipes of an agent's process: the lines that it says, and the last words that it prints beside them."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

MAX_LINE_BYTES = 64 * 1024 * 1024
"""One message: an answer of 5 MB, and the text of a large file, come as one line."""

READ_BYTES = 256 * 1024
_WRITE_S = 30.0
"""For an agent to read a line: one with pictures has megabytes."""

_DROP_S = 1.0
_COLOUR = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""ECMA-48, section 5.4."""
_WORDS_LINES = 40
_WORDS_LINE_BYTES = 4096


class LineTooLong(Exception):
    """A line beyond MAX_LINE_BYTES; the text says how much that is."""

    def __init__(self) -> None:
        super().__init__(f"a message of more than {MAX_LINE_BYTES >> 20} MiB")


async def lines(read: Callable[[int], Awaitable[bytes]]) -> AsyncIterator[bytes]:
    """Every line that is not empty, without its break, until the end; what lacks its break there is none.

    `read` takes the most bytes that it may return; none is the end. Raises LineTooLong.
    """
    pending: list[bytes] = []
    pending_bytes = 0
    while chunk := await read(READ_BYTES):
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            line = b"".join((*pending, end))
            pending.clear()
            pending_bytes = 0
            if line.strip():
                yield line
        pending.append(rest)
        pending_bytes += len(rest)
        if pending_bytes > MAX_LINE_BYTES:
            raise LineTooLong


async def drop_rest(output: asyncio.StreamReader) -> None:
    """Of a process that was killed: a pipe that is left full would never close. Takes at most a second."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_DROP_S):
            while await output.read(READ_BYTES):
                pass


async def write(stdin: asyncio.StreamWriter, line: bytes) -> None:
    """Raises OSError when the reader is gone (ConnectionError) or does not read (TimeoutError)."""
    stdin.write(line)
    async with asyncio.timeout(_WRITE_S):
        await stdin.drain()


class LastWords:
    """The end of what a process prints on its standard error: often the only place that says why it does not start."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_WORDS_LINES)

    async def read(self, stderr: asyncio.StreamReader) -> None:
        """To its end."""
        while chunk := await stderr.read(_WORDS_LINE_BYTES):
            self._lines.extend(chunk.decode(errors="replace").splitlines())

    @property
    def lines(self) -> list[str]:
        """Without what colours them: they are shown in a sentence."""
        return [_COLOUR.sub("", line) for line in self._lines]
