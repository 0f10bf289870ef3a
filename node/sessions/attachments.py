"""What may be sent with a prompt: pictures that are pictures, by their content, and files by their path."""

import base64
import binascii
import re
from collections.abc import Sequence

from ws.protocol.errors import ErrorCode, FieldError, WireError
from ws.protocol.events import MAX_EVENT_BYTES, Attachment

FORMATS = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""Those that agents take."""

_DATA_URL = re.compile(r"data:(?P<mime>[a-z]+/[a-z0-9.+-]+);base64,", re.IGNORECASE)


def check(attachments: Sequence[Attachment]) -> None:
    """Raises `too_large`, or `invalid` naming the attachment and what is wrong with it."""
    for number, attachment in enumerate(attachments):
        wrong = _wrong_with(attachment)
        if wrong is not None:
            name = repr(attachment.name) if attachment.name else f"number {number + 1}"
            raise WireError(
                ErrorCode.INVALID,
                f"The attachment {name} {wrong}.",
                errors=[FieldError(path=f"params.attachments[{number}]", message=wrong)],
            )


def too_large() -> WireError:
    """For a prompt that does not fit one event of the journal."""
    return WireError(
        ErrorCode.TOO_LARGE, "The prompt with its attachments is larger than 1 MiB; attach less or smaller."
    )


def format_of(content: bytes) -> str | None:
    """The format of a picture by its first bytes; None for what is none of FORMATS."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return None


def _wrong_with(attachment: Attachment) -> str | None:
    if attachment.type == "file":
        path = attachment.path or ""
        is_fine = path.startswith("/") and "\0" not in path
        return None if is_fine else "is no file: give its absolute path"
    url = attachment.data_url or ""
    if len(url) > MAX_EVENT_BYTES:
        raise too_large()
    head = _DATA_URL.match(url)
    if head is None:
        return "is no picture: give it as data:image/png;base64,… or another format"
    try:
        content = base64.b64decode(url[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        return "is no picture: its base64 is broken"
    found = format_of(content)
    if found is None:
        return "is no picture that agents take: use PNG, JPEG, GIF or WebP"
    declared = {head["mime"].lower(), attachment.mime.lower() or found}
    if declared != {found}:
        return f"says that it is {', '.join(sorted(declared - {found}))} but is {found}: send it as what it is"
    return None
