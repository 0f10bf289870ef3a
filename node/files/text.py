"""Bytes to text and back: which encoding a file is in, and what is no text at all."""

import codecs
import hashlib
from dataclasses import dataclass

PARTIAL = "partial-"
"""Begins the etag of a file that was read only in part: such an etag matches nothing when it comes back."""

_MARKS = (
    (codecs.BOM_UTF32_LE, None),  # begins like UTF-16, so it is looked for first; not offered as text
    (codecs.BOM_UTF32_BE, None),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BOMS = {"utf-8-sig": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\b\x1b"))
MAX_CONTROLS = 0.1
"""Share of control characters above which it is no text. JSON writes each in six bytes, so this bounds a frame too."""


@dataclass(frozen=True)
class Text:
    """`encoding` is utf-8, utf-8-sig (with a byte order mark), utf-16-le or utf-16-be (both with a mark)."""

    content: str
    encoding: str


def decode(raw: bytes, *, is_cut: bool) -> Text | None:
    """The text in `raw`, or None when it is binary.

    `is_cut`: the file goes on after `raw`, so half a character at its end is left out.
    """
    encoding = encoding_of(raw)
    if encoding is None:
        return None
    bom = _BOMS.get(encoding, b"")
    try:
        decoder = codecs.getincrementaldecoder("utf-8" if encoding == "utf-8-sig" else encoding)()
        content = decoder.decode(raw[len(bom) :], final=not is_cut)
    except UnicodeDecodeError:
        return None
    if "\0" in content or _has_many_controls(raw, encoding):
        return None
    return Text(content, encoding)


def encode(content: str, encoding: str) -> bytes:
    """Bytes as a file of that encoding holds them, its mark included. Raises UnicodeEncodeError for lone surrogates."""
    plain = "utf-8" if encoding == "utf-8-sig" else encoding
    return _BOMS.get(encoding, b"") + content.encode(plain)


def encoding_of(raw: bytes) -> str | None:
    """By its first bytes alone; None for UTF-32, which is not offered as text."""
    return next((encoding for mark, encoding in _MARKS if raw.startswith(mark)), "utf-8")


def etag_of(raw: bytes, *, is_cut: bool = False) -> str:
    """A hash of the content: 32 hexadecimal digits, marked when it is of a part only."""
    digest = hashlib.blake2b(raw, digest_size=16).hexdigest()
    return f"{PARTIAL}{digest}" if is_cut else digest


def _has_many_controls(raw: bytes, encoding: str) -> bool:
    if encoding.startswith("utf-16"):
        return False
    return len(raw) - len(raw.translate(None, _CONTROLS)) > MAX_CONTROLS * len(raw)
