"""How a session becomes a command line of the CLI, and a prompt a message of its input."""

import shlex
from collections.abc import Iterator
from typing import Any

from providers.base import Prompt, SessionSpec
from ws.protocol.events import Attachment

SETTING_SOURCES = "user,project,local"
"""What the CLI reads by itself; with `local` in it, a rule that is stored for always is in force at once."""

DEFAULT_MODEL = "default"
"""The CLI's name for: no model chosen."""

STREAM_ARGUMENTS = ("--output-format", "stream-json", "--verbose", "--input-format", "stream-json")


def arguments(spec: SessionSpec) -> tuple[str, ...]:
    """Command line after the program. Values that come from elsewhere are bound with ``=`` so that none is a flag."""
    given = {
        "--model": None if spec.model == DEFAULT_MODEL else spec.model,
        "--effort": spec.effort,
        "--permission-mode": spec.mode,
        "--resume": spec.native_id,
        "--session-id": None if spec.native_id else spec.new_native_id,
    }
    return (
        *STREAM_ARGUMENTS,
        "--include-partial-messages",
        "--permission-prompt-tool=stdio",
        f"--setting-sources={SETTING_SOURCES}",
        *(f"{flag}={value}" for flag, value in given.items() if value),
    )


def user_message(prompt: Prompt, uuid: str) -> dict[str, Any]:
    """The prompt as a line of the CLI's input. `uuid` comes back in the result of the turn that took it in."""
    content = [*_pictures(prompt.attachments), {"type": "text", "text": _text(prompt)}]
    return {
        "type": "user",
        "message": {"role": "user", "content": content},
        "parent_tool_use_id": None,
        "uuid": uuid,
    }


def _pictures(attachments: tuple[Attachment, ...]) -> Iterator[dict[str, Any]]:
    for attachment in attachments:
        header, _, data = (attachment.data_url or "").partition(";base64,")
        if attachment.type == "image" and data:
            mime = attachment.mime or header.removeprefix("data:") or "image/png"
            yield {"type": "image", "source": {"type": "base64", "media_type": mime, "data": data}}


def _text(prompt: Prompt) -> str:
    """Files of the workspace are mentioned the CLI's way, which reads them; a path with blanks in quotes."""
    mentions = [
        f'@"{file.path}"' if file.path != shlex.quote(file.path) else f"@{file.path}"
        for file in prompt.attachments
        if file.type == "file" and file.path
    ]
    return "\n".join((prompt.text, *mentions))
