"""A line of JSON that an agent wrote, as far as it can be read."""

import re
from typing import Any

import msgspec

MAX_MENDED_BYTES = 8 * 1024 * 1024
"""A longer line is not looked through for what is wrong with it."""

_ESCAPED = re.compile(
    rb"(?P<pair>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|\\."
)
"""Programs in JavaScript write a text that was cut in the middle of a character with half of it."""

UNKNOWN_SHAPE = (ValueError, LookupError, AttributeError, TypeError, RecursionError)
"""What reading a message raises that is none of this version of the agent, or none at all."""


def decoded(line: bytes) -> Any:
    """The value; bytes that are no UTF-8 and halves of characters are replaced by U+FFFD.

    Raises ValueError for what is no JSON even so, or nested beyond all measure.
    """
    try:
        return msgspec.json.decode(line)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except ValueError:
        if len(line) > MAX_MENDED_BYTES:
            raise
    mended = _ESCAPED.sub(_whole, line.decode("utf-8", "replace").encode())
    try:
        return msgspec.json.decode(mended)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _whole(escaped: re.Match[bytes]) -> bytes:
    return escaped[0] if escaped["half"] is None else rb"\ufffd"
