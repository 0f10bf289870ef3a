"""Find the script in what an agent sends: the last thing the user said, and how many tool calls were made since.

Each rule was met with Claude Code 2.1.329; the formats of other agents get a module of their own beside `anthropic`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>\s*", re.DOTALL)
_SENT_WHILE_WORKING = re.compile(
    r"<system-reminder>\s*The user sent a new message while you were working:\n(.*?)\n\n", re.DOTALL
)
_NOT_SAID = (
    "[Request interrupted by user",
    "[Image: source:",
    "<command-",
    "<local-command-",
    "Caveat: The messages below",
)


@dataclass(frozen=True)
class Position:
    """Where the conversation stands: `prompt` is the script, `acts_done` its tool calls so far, `said` all prompts."""

    prompt: str
    acts_done: int
    said: tuple[str, ...]


def position(messages: list[dict[str, Any]]) -> Position:
    """Read the messages of a request of the Anthropic Messages API."""
    said: list[str] = []
    acts_done = 0
    for message in messages:
        blocks = _blocks(message.get("content", ""))
        if message.get("role") == "assistant":
            acts_done += sum(block.get("type") == "tool_use" for block in blocks)
        if message.get("role") != "user":
            continue  # role "system": what newer models are told beside the conversation
        prompts = list(_prompts(blocks))
        if prompts:
            # Turns that died or were interrupted are merged into one user message: only the last text is the prompt.
            said.append(prompts[-1])
            acts_done = 0
    return Position(said[-1] if said else "", acts_done, tuple(said))


def _prompts(blocks: list[dict[str, Any]]) -> Iterator[str]:
    for block in blocks:
        if block.get("type") == "tool_result":
            for text in _texts(block.get("content")):
                yield from (match.strip() for match in _SENT_WHILE_WORKING.findall(text))
        elif block.get("type") == "text":
            text = _REMINDER.sub("", block["text"]).strip()
            if text and not text.startswith(_NOT_SAID):
                yield text


def _texts(content: Any) -> Iterator[str]:
    for block in _blocks(content or ""):
        if block.get("type") == "text":
            yield block["text"]


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
