"""Which files Git ignores, for whoever shows or watches a folder."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from node.git.opening import Opener, Resolve
from node.git.runner import GitRunner
from ws.protocol.base import Located
from ws.protocol.errors import WireError

MAX_ARGUMENTS_BYTES = 96 * 1024
"""Of paths in one call of Git: below the 128 KiB that Linux promises for all arguments together."""
_ESCAPE = re.compile(rb'\\([abfnrtv"\\]|[0-7]{3})')
_CONTROLS = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


class IgnoredFiles:
    """Asks `git check-ignore`, whose answer leaves out what is tracked."""

    def __init__(self, runner: GitRunner, resolve_directory: Resolve) -> None:
        self._opener = Opener(runner, resolve_directory)

    async def among(self, folder: Path, paths: Sequence[str]) -> frozenset[str]:
        """Those of `paths`, relative to the real path `folder`, that Git ignores.

        None where there is no repository, no Git, or Git does not answer: then nothing is ignored.
        """
        ignored: set[str] = set()
        try:
            opened = await self._opener.open(Located(node="", path_bytes=os.fsencode(folder)))
            prefix = "" if folder == opened.root else f"{folder.relative_to(opened.root)}/"
            for part in _parts(prefix, paths):
                # It refuses the literal pathspecs of the environment and expands none of its own. The dot keeps a
                # colon from being magic.
                output = await opened.ask(["--no-literal-pathspecs", "check-ignore", "--", *part])
                ignored |= {_plain(line).removeprefix(f"./{prefix}") for line in output.stdout.split(b"\n") if line}
        except WireError:
            return frozenset()
        return frozenset(ignored)


def _parts(prefix: str, paths: Sequence[str]) -> Iterator[list[str]]:
    part: list[str] = []
    size = 0
    for path in paths:
        whole = f"./{prefix}{path}"
        part.append(whole)
        size += len(os.fsencode(whole)) + 1
        if size > MAX_ARGUMENTS_BYTES - 4096:
            yield part
            part, size = [], 0
    if part:
        yield part


def _plain(line: bytes) -> str:
    """A path as Git prints it: one with control characters, quotes or backslashes stands quoted as in C."""
    if not line.startswith(b'"'):
        return os.fsdecode(line)
    return os.fsdecode(_ESCAPE.sub(lambda found: _unescaped(found[1]), line[1:-1]))


def _unescaped(code: bytes) -> bytes:
    return bytes([int(code, 8)]) if code[:1].isdigit() else _CONTROLS.get(code, code)
