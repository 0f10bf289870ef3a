"""What a thread and its turns are started with."""

from collections.abc import Iterator, Mapping
from typing import Any

from providers.base import Prompt, SessionSpec
from providers.codex.modes import RULES, sandbox_policy

DEFAULT_MODEL = "default"
"""The name of: no model chosen; then the user's own configuration of Codex decides."""


def chosen(model: str | None) -> str | None:
    return None if model == DEFAULT_MODEL else model


def thread(spec: SessionSpec, mode: str) -> dict[str, Any]:
    """For `thread/start`, `thread/resume` and `thread/fork`."""
    rules = RULES[mode]
    given = {
        "cwd": str(spec.path),
        "model": chosen(spec.model),
        "approvalPolicy": rules.approval,
        "sandbox": rules.sandbox,
    }
    return {name: value for name, value in given.items() if value is not None}


def turn(model: str, effort: str | None, mode: str, workspace: Mapping[str, Any] | None) -> dict[str, Any]:
    """For `turn/start`: everything that may have been chosen since the last one. It stays in force."""
    rules = RULES[mode]
    settings = {"model": model, "reasoning_effort": effort, "developer_instructions": None}
    return {
        "model": model,
        **({"effort": effort} if effort else {}),
        "approvalPolicy": rules.approval,
        "sandboxPolicy": sandbox_policy(rules.sandbox, workspace),
        "collaborationMode": {"mode": "plan" if rules.is_planning else "default", "settings": settings},
    }


def user_input(prompt: Prompt) -> list[dict[str, Any]]:
    return [{"type": "text", "text": prompt.text}, *_attached(prompt)]


def _attached(prompt: Prompt) -> Iterator[dict[str, Any]]:
    for attachment in prompt.attachments:
        if attachment.type == "image" and attachment.data_url:
            yield {"type": "image", "url": attachment.data_url}
        elif attachment.type == "file" and attachment.path:
            name = attachment.name or attachment.path.rpartition("/")[2]
            yield {"type": "mention", "name": name, "path": attachment.path}
