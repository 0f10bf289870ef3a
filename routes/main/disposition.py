"""How a browser is told what a file is and what to call it: nothing that is sent ever runs on Main's origin."""

import unicodedata
from pathlib import PurePosixPath
from urllib.parse import quote

POLICY = "sandbox; default-src 'none'"
"""Opened as a document it has an origin of its own, runs nothing and loads nothing."""

OCTETS = "application/octet-stream"
_PLAIN = "text/plain; charset=utf-8"

_SHOWN = {
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".webp": "image/webp",
    **dict.fromkeys((".csv", ".json", ".log", ".md", ".py", ".toml", ".tsv", ".txt", ".yaml", ".yml"), _PLAIN),
}
"""What may be looked at in the browser, by suffix. SVG and HTML are not: they are programs."""

_ATTRIBUTE = "!#$&+-.^_`|~"
"""What RFC 8187 lets stand beside letters and digits."""
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of what cannot be seen, or turns the reading direction so that `exe.txt` ends otherwise."""


def content_type(name: str, *, is_inline: bool) -> str:
    """Of a file of that name; bytes without meaning unless it is to be shown and may be."""
    return _SHOWN.get(PurePosixPath(name).suffix.lower(), OCTETS) if is_inline else OCTETS


def disposition(name: str, *, is_inline: bool) -> str:
    """The header for any name (RFC 6266): a plain form for old programs, the exact one in UTF-8 beside it."""
    safe = "".join("_" if unicodedata.category(each) in _UNSAFE or each in "/\\" else each for each in name) or "_"
    plain = "".join(each if " " <= each <= "~" and each not in '"%' else "_" for each in safe)
    kind = "inline" if is_inline else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe=_ATTRIBUTE)}"
