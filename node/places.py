"""The path that a call names, as the operating system takes it."""

import os

from ws.protocol.base import Located


def path_of(params: Located) -> str:
    """`path_bytes` where they are given, else `path`. Bytes that are not UTF-8 stand in the text as surrogates
    (PEP 383), as everywhere in ``os``.
    """
    return params.path if params.path_bytes is None else os.fsdecode(params.path_bytes)


def raw_unless_utf8(path: str) -> bytes | None:
    """The bytes of a path or name that JSON cannot carry as text; None for one that it can."""
    raw = os.fsencode(path)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw
    return None
