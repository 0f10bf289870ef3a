"""How a session becomes a command line of the CLI, and a prompt a message of its input."""

import shlex
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID, uuid5

from providers.base import Prompt, SessionSpec
from ws.protocol.events import Attachment

SETTING_SOURCES = "user,project,local"
"""What the CLI reads by itself; with `local` in it, a rule that is stored for always is in force at once."""

DEFAULT_MODEL = "default"
"""The CLI's name for: no model chosen."""

STREAM_ARGUMENTS = ("--output-format", "stream-json", "--verbose", "--input-format", "stream-json")

CHECKPOINTS = {"CLAUDE_CODE_ENABLE_SDK_FILE_CHECKPOINTING": "true"}
"""Environment with which the CLI keeps what the files were before each prompt."""

_PROMPTS = UUID("3a1c0f52-7d1b-4f0e-9d25-6f3f6a0c8e11")


def arguments(spec: SessionSpec) -> tuple[str, ...]:
    """Command line after the program. Values that come from elsewhere are bound with ``=`` so that none is a flag."""
    fork = None if spec.native_id else spec.fork_of
    given = {
        "--model": None if spec.model == DEFAULT_MODEL else spec.model,
        "--effort": spec.effort,
        "--permission-mode": spec.mode,
        "--resume": fork.native_id if fork else spec.native_id,
        "--resume-session-at": fork.anchor if fork else spec.resume_at,
        "--session-id": None if spec.native_id else spec.new_native_id,
    }
    return (
        *STREAM_ARGUMENTS,
        "--include-partial-messages",
        "--replay-user-messages",
        "--forward-subagent-text",
        "--permission-prompt-tool=stdio",
        f"--setting-sources={SETTING_SOURCES}",
        *(("--fork-session",) if fork else ()),
        *(f"{flag}={value}" for flag, value in given.items() if value),
    )


def probe_arguments(native_id: str, anchor: str) -> tuple[str, ...]:
    """To see whether this session could be resumed at this point; nothing is written."""
    resumed = (f"--resume={native_id}", f"--resume-session-at={anchor}")
    return (*resumed, "--fork-session", "--no-session-persistence")


def prompt_uuid(message_id: str) -> str:
    """The prompt's name in Claude's transcript, found again by whoever knows its `message_id`."""
    return str(uuid5(_PROMPTS, message_id))


def user_message(prompt: Prompt, uuid: str, lost: Sequence[Prompt] = ()) -> dict[str, Any]:
    """The prompt as a line of the CLI's input. `uuid` comes back in the result of the turn that took it in.

    `lost` are earlier prompts that Claude has not kept: they stand before it in the same message.
    """
    content: list[dict[str, Any]] = []
    for each in (*lost, prompt):
        content += [*_pictures(each.attachments), {"type": "text", "text": _text(each)}]
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
