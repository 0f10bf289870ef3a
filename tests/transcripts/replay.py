"""A recording becomes events, without a CLI."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from claude_agent_sdk._internal.message_parser import parse_message

from providers.base import AgentEvent
from providers.claude.normalize import Normalizer
from providers.claude.streaming import LiveText

HERE = Path(__file__).parent
FOLDER = Path("/tmp/switchyard-transcript")
"""Where the recordings were made: their paths lie in it."""

VERSION = "2.1.329"


def events_of(messages: Iterable[dict[str, Any]]) -> list[AgentEvent]:
    """What one prompted turn means. The SDK has no public parser; in use it parses for its client."""
    normalizer = Normalizer(FOLDER, None, None, LiveText("block"))
    normalizer.prompt_sent("prompt")
    parsed = [parse_message({**message, "user_message_uuids": ["prompt"]}) for message in messages]
    return [event for message in parsed if message is not None for event in normalizer.feed(message)]


def shown(events: list[AgentEvent]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(events), indent=2) + b"\n"
