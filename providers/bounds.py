"""Keep events below the largest that a journal takes (1 MiB encoded)."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ws.protocol.events import DiffContent, ImageContent, TextContent, ToolContent

PART_CHARS = 128 * 1024
"""A part of a long message. A character is at most 6 bytes of JSON (an escaped control character): 768 KiB."""

MAX_OUTPUT_CHARS = 128 * 1024
"""All text of one tool result. Claude Code itself cuts a command's output at 30,000 characters."""

MAX_INPUT_CHARS = 64 * 1024
"""One string in the input of a tool call: longer ones are shown shortened."""

MAX_CONTENT_BYTES = 768 * 1024
"""An encoded diff or picture; a larger one is replaced by a line that says so."""

MAX_INPUT_BYTES = 768 * 1024

_encode = msgspec.json.encode


def parts(text: str) -> Iterator[tuple[str, int | None]]:
    """The text in parts that each fit an event, with their number; a text that needs no cutting has number None."""
    if len(text) <= PART_CHARS:
        yield text, None
        return
    for part, start in enumerate(range(0, len(text), PART_CHARS)):
        yield text[start : start + PART_CHARS], part


def clipped(text: str, limit_chars: int = MAX_OUTPUT_CHARS) -> str:
    """The text, or its beginning and end with a line between that says how much is missing."""
    if len(text) <= limit_chars:
        return text
    half = limit_chars // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


def one_line(text: str, limit_chars: int) -> str:
    """The text without line breaks and needless space, cut at the end."""
    line = " ".join(text.split())
    return line if len(line) <= limit_chars else line[: limit_chars - 1] + "…"


def clipped_input(values: Mapping[str, Any]) -> dict[str, Any]:
    """A tool's input with long strings shortened; one that is too large even so is replaced by its field names."""
    short = {name: _clip_value(value) for name, value in values.items()}
    if len(_encode(short)) <= MAX_INPUT_BYTES:
        return short
    return {"left_out": "the input is too large to show", "fields": sorted(values)[:100]}


def restored_input(changed: Mapping[str, Any], original: Mapping[str, Any]) -> dict[str, Any]:
    """What the user changed in a shown input, with every value that was shown shortened put back."""
    shown = clipped_input(original)
    if shown.keys() != original.keys():
        return dict(original)
    return {
        name: original[name] if name in shown and value == shown[name] else value for name, value in changed.items()
    }


def fitting(content: ToolContent) -> ToolContent:
    """The content itself, or a line in its place when it is too large for an event."""
    match content:
        case TextContent():
            return TextContent(text=clipped(content.text))
        case DiffContent() if len(_encode(content)) > MAX_CONTENT_BYTES:
            size = len(content.new_text)
            return TextContent(text=f"{content.path}: the change is too large to show ({size} characters).")
        case ImageContent() if len(content.data_url) > MAX_CONTENT_BYTES:
            return TextContent(text=f"A picture of {len(content.data_url) * 3 // 4} bytes is too large to show.")
        case DiffContent() | ImageContent():
            return content


def fitting_all(contents: list[ToolContent]) -> list[ToolContent]:
    """Contents that fit one event together; the first that do not are the last."""
    kept: list[ToolContent] = []
    left_bytes = MAX_CONTENT_BYTES
    for content in map(fitting, contents):
        left_bytes -= len(_encode(content))
        if left_bytes < 0:
            kept.append(TextContent(text="… more output left out …"))
            break
        kept.append(content)
    return kept


def _clip_value(value: Any) -> Any:
    return clipped(value, MAX_INPUT_CHARS) if isinstance(value, str) else value
