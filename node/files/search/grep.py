"""Lines by content: ripgrep's JSON as events."""

import base64
from collections.abc import AsyncIterator

import msgspec

from node.files.facts import displayed
from node.files.search.ripgrep import COMMON
from node.places import raw_unless_utf8
from ws.protocol.errors import invalid
from ws.protocol.files import FilesGrepEvent, FilesGrepParams, FilesMatched, FilesSearchDone, GrepLine

MAX_FILE = "64M"
"""Larger files are passed over: ripgrep holds a whole line in memory, and such a file may be one line."""
MAX_TABLES = "10M"
"""Of the tables into which ripgrep turns an expression while it reads, and of those that it makes of it before. Left to
itself it takes a gigabyte in each thread for an expression and a text that are made for that.
"""
MAX_TEXT_CHARS = 1000
MAX_EVENT_CHARS = 48 * 1024
"""Of text in one event, so that its JSON stays below 64 KiB unless it is full of escapes."""
MAX_EVENT_LINES = 200
MAX_SPANS = 100
_CONTEXT_CHARS = 200
"""Kept before the first match of a line that is cut."""
_BEGIN = b'{"type":"match"'
_CASE = {"smart": "--smart-case", "sensitive": "--case-sensitive", "insensitive": "--ignore-case"}


class _Bytes(msgspec.Struct, rename={"encoded": "bytes"}):
    """ripgrep's strings: text where it is UTF-8, else base64."""

    text: str | None = None
    encoded: str | None = None

    @property
    def raw(self) -> bytes:
        return self.text.encode() if self.text is not None else base64.b64decode(self.encoded or "")


class _Part(msgspec.Struct):
    start: int
    end: int


class _Match(msgspec.Struct):
    path: _Bytes
    lines: _Bytes
    line_number: int
    submatches: list[_Part]


class _Record(msgspec.Struct):
    data: _Match


_decode = msgspec.json.Decoder(_Record).decode


def arguments(params: FilesGrepParams) -> list[str]:
    """What ripgrep is told, without the folder. Raises WireError `invalid`.

    Globs without a slash that limit the search go as a type of file: as `--glob` they would find what Git ignores.
    """
    if "\n" in params.query:
        raise invalid("query", "A search looks at one line at a time: leave the line break out.")
    told = [*COMMON, "--json", f"--max-filesize={MAX_FILE}", f"--max-count={params.limit + 1}", _CASE[params.case]]
    if all("/" not in each and not each.startswith("include:") for each in params.include):
        told += [f"--type-add=searched:{each}" for each in params.include]
        told += ["--type=searched"] if params.include else []
    else:
        told += [f"--glob={_plain(each)}" for each in params.include]
    told += [f"--dfa-size-limit={MAX_TABLES}", f"--regex-size-limit={MAX_TABLES}"]
    told += [f"--glob=!{_plain(each)}" for each in params.exclude]
    return [*told, *([] if params.regex else ["--fixed-strings"]), f"--regexp={params.query}"]


async def events(records: AsyncIterator[list[bytes]], limit: int) -> AsyncIterator[FilesGrepEvent]:
    """Lines of one file after another; at the end how many there were."""
    found = 0
    path, lines, size = b"", list[GrepLine](), 0
    async for batch in records:
        for record in batch:
            if not record.startswith(_BEGIN):
                continue
            match = _decode(record).data
            where = match.path.raw.removeprefix(b"./")
            if lines and (where != path or size > MAX_EVENT_CHARS or len(lines) >= MAX_EVENT_LINES or found == limit):
                yield _event(path, lines)
                lines, size = [], 0
            if found == limit:
                yield FilesSearchDone(found=found, truncated=True)
                return
            path = where
            lines.append(_line(match))
            size += len(lines[-1].text)
            found += 1
        if lines:  # what is known now is told now
            yield _event(path, lines)
            lines, size = [], 0
    yield FilesSearchDone(found=found, truncated=False)


def _event(path: bytes, lines: list[GrepLine]) -> FilesMatched:
    name = path.decode("utf-8", "surrogateescape")
    return FilesMatched(path=displayed(name), lines=lines, path_bytes=raw_unless_utf8(name))


def _line(match: _Match) -> GrepLine:
    raw = match.lines.raw.split(b"\n", 1)[0].removesuffix(b"\r")
    begin = 0
    spans = [(part.start, min(part.end, len(raw))) for part in match.submatches[:MAX_SPANS] if part.start <= len(raw)]
    if len(raw) > MAX_TEXT_CHARS and spans and spans[0][1] > MAX_TEXT_CHARS:
        begin = max(0, spans[0][0] - _CONTEXT_CHARS)
    raw = raw[begin : begin + 4 * MAX_TEXT_CHARS]  # four bytes are the longest character
    text = raw.decode("utf-8", "replace")[:MAX_TEXT_CHARS]
    if not raw.isascii():
        spans = [(_chars(raw, start - begin), _chars(raw, end - begin)) for start, end in spans]
    else:
        spans = [(start - begin, end - begin) for start, end in spans]
    return GrepLine(
        line=match.line_number,
        text=text,
        spans=[(start, min(end, len(text))) for start, end in spans if start < len(text) or start == end == len(text)],
    )


def _chars(raw: bytes, offset: int) -> int:
    return len(raw[:offset].decode("utf-8", "replace"))


def _plain(glob: str) -> str:
    """A glob that begins with an exclamation mark is no negation here."""
    return f"\\{glob}" if glob.startswith("!") else glob
