"""Slash commands: those of Codex's own client that its app-server offers as calls."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ws.protocol.providers import SlashCommand


@dataclass(frozen=True)
class Command:
    """`method` begins a turn; `params` beside the thread."""

    method: str
    description: str
    params: Mapping[str, Any] = field(default_factory=dict)


COMMANDS: Mapping[str, Command] = {
    "/compact": Command("thread/compact/start", "Summarise the conversation to make room"),
    "/review": Command(
        "review/start",
        "Review what has changed in the repository",
        {"target": {"type": "uncommittedChanges"}, "delivery": "inline"},
    ),
}

LISTED = [SlashCommand(name=name[1:], description=command.description) for name, command in COMMANDS.items()]
