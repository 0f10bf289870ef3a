"""The SDK's client on our own CLI process: its transport seam, so that environment, pid and end are ours.

The stock transport hands the whole environment of the node to the CLI and keeps its process to itself.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from claude_agent_sdk import CLIConnectionError, Transport

from providers.base import ProviderFailed
from providers.claude.cli import CliProcess

KNOWN_TYPES = frozenset(
    {
        "assistant", "control_cancel_request", "control_request", "control_response", "conversation_reset",
        "rate_limit_event", "result", "stream_event", "system", "transcript_mirror", "user",
        "auth_status", "command_lifecycle", "keep_alive", "prompt_suggestion", "tool_progress", "tool_use_summary",
    }
)  # fmt: skip
"""Message types that SDK 0.2.186 reads, then those that it may skip; it skips every other one in silence too."""

UNKNOWN_EVENT = "switchyard_unknown_event"
"""Subtype under which a message of an unknown type is passed on, so that it is told instead of lost."""


class CliTransport(Transport):
    """Lines of JSON to and from one CLI."""

    def __init__(self, process: CliProcess) -> None:
        self._process = process
        self._requests: dict[str, asyncio.Future[None]] = {}

    async def request(self, request: dict[str, Any]) -> None:
        """A control request that the SDK's client does not know. Raises :class:`ProviderFailed` when it is refused."""
        request_id = f"switchyard-{uuid.uuid4().hex}"
        answered = self._requests[request_id] = asyncio.get_running_loop().create_future()
        frame = {"type": "control_request", "request_id": request_id, "request": request}
        try:
            await self.write(msgspec.json.encode(frame).decode() + "\n")
            await answered
        finally:
            self._requests.pop(request_id, None)

    async def connect(self) -> None:
        await self._process.start()

    async def write(self, data: str) -> None:
        try:
            await self._process.write(data.encode())
        except (OSError, RuntimeError) as error:  # RuntimeError: written after the loop has closed the pipe
            raise CLIConnectionError("Claude Code has ended or does not read") from error

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        """Raises :class:`ProviderFailed` when the CLI has failed."""
        async for line in self._process.lines():
            message = _message(line)
            if not self._is_answer(message):
                yield message
        failure = await self._process.ended()
        if failure is not None:
            raise failure

    async def close(self) -> None:
        await self._process.close()

    def _is_answer(self, message: dict[str, Any]) -> bool:
        """Whether this answers one of our own requests, which it then settles."""
        response = message.get("response")
        if message.get("type") != "control_response" or not isinstance(response, dict):
            return False
        answered = self._requests.pop(str(response.get("request_id")), None)
        if answered is None or answered.done():
            return answered is not None
        if response.get("subtype") == "error":
            answered.set_exception(ProviderFailed(f"Claude Code refused: {response.get('error')}"))
        else:
            answered.set_result(None)
        return True

    def is_ready(self) -> bool:
        return self._process.is_running

    async def end_input(self) -> None:
        """Nothing: the input stays open for the whole session, and `close` ends it."""


def _message(line: bytes) -> dict[str, Any]:
    try:
        message = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return _unknown("a line that is no JSON")
    if not isinstance(message, dict):
        return _unknown("a value that is no object")
    kind = message.get("type")
    return message if kind in KNOWN_TYPES else _unknown(str(kind)[:100])


def _unknown(kind: str) -> dict[str, Any]:
    return {"type": "system", "subtype": UNKNOWN_EVENT, "kind": kind}
