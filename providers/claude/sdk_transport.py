"""The SDK's client on our own CLI process: its transport seam, so that environment, pid and end are ours.

The stock transport hands the whole environment of the node to the CLI and keeps its process to itself.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import msgspec
from claude_agent_sdk import CLIConnectionError, Transport

from providers.base import ProviderFailed
from providers.claude import errors
from providers.lines import decoded
from providers.program import Program

KNOWN_TYPES = frozenset(
    {
        "assistant", "control_cancel_request", "control_request", "control_response", "conversation_reset",
        "rate_limit_event", "result", "stream_event", "system", "transcript_mirror", "user",
        "auth_status", "command_lifecycle", "keep_alive", "prompt_suggestion", "tool_progress", "tool_use_summary",
    }
)  # fmt: skip
"""Message types that SDK 0.2.186 reads, then those that it may skip; it skips every other one in silence too."""

KNOWN_BLOCKS = frozenset(
    {
        "text", "thinking", "tool_use", "tool_result", "server_tool_use", "advisor_tool_result",
        "document", "image", "redacted_thinking",
    }
)  # fmt: skip
"""Parts of a message that SDK 0.2.186 reads, then those with nothing to show; it skips every other one in silence."""

UNKNOWN_EVENT = "switchyard_unknown_event"
"""Subtype under which a message of an unknown type is passed on, so that it is told instead of lost."""

PROMPT_IGNORED = "switchyard_prompt_ignored"
"""Subtype that tells of a prompt (`prompt`) which the CLI has dropped: its transcript has one of that uuid already."""


class CliTransport(Transport):
    """Lines of JSON to and from one CLI."""

    def __init__(self, process: Program) -> None:
        self._process = process
        self._requests: dict[str, asyncio.Future[Mapping[str, Any]]] = {}
        self._begun: set[str] = set()
        """Prompts that the CLI works on."""

    async def request(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """A control request that the SDK's client does not know, and its answer.

        Raises :class:`ProviderFailed` when it is refused.
        """
        request_id = f"switchyard-{uuid.uuid4().hex}"
        answered = self._requests[request_id] = asyncio.get_running_loop().create_future()
        frame = {"type": "control_request", "request_id": request_id, "request": request}
        try:
            await self.write(msgspec.json.encode(frame).decode() + "\n")
            answer: Mapping[str, Any] = await answered
            return answer
        finally:
            self._requests.pop(request_id, None)

    async def connect(self) -> None:
        await self._process.start()

    async def write(self, data: str) -> None:
        try:
            await self._process.write(data.encode())
        except OSError as error:
            raise CLIConnectionError("Claude Code has ended or does not read") from error

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        """Raises :class:`ProviderFailed` when the CLI has failed."""
        async for line in self._process.lines():
            message = _message(line)
            if self._is_answer(message):
                continue
            yield message
            for news in (*_unknown_blocks(message), *self._ignored(message)):
                yield news
        failure = errors.process_failure(await self._process.ended())
        if failure is not None:
            raise failure

    async def close(self) -> None:
        await self._process.close()

    def _ignored(self, message: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """A prompt that is done without having begun."""
        if message.get("type") != "command_lifecycle":
            return
        prompt = str(message.get("command_uuid"))
        match message.get("state"):
            case "started":
                self._begun.add(prompt)
            case "completed" if prompt not in self._begun:
                yield {"type": "system", "subtype": PROMPT_IGNORED, "prompt": prompt}
            case "completed" | "cancelled":
                self._begun.discard(prompt)
            case _:
                pass

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
            answer = response.get("response")
            answered.set_result(dict(answer) if isinstance(answer, dict) else {})
        return True

    def is_ready(self) -> bool:
        return self._process.is_running

    async def end_input(self) -> None:
        """Nothing: the input stays open for the whole session, and `close` ends it."""


def _message(line: bytes) -> dict[str, Any]:
    try:
        message = decoded(line)
    except ValueError:
        return _unknown("a line that is no JSON")
    if not isinstance(message, dict):
        return _unknown("a value that is no object")
    kind = message.get("type")
    is_understood = isinstance(kind, str) and kind in KNOWN_TYPES and _is_whole(kind, message)
    return message if is_understood else _unknown(str(kind)[:100])


def _is_whole(kind: str, message: dict[str, Any]) -> bool:
    """The SDK's reader dies of a control message that lacks what it needs."""
    match kind:
        case "control_request":
            request = message.get("request")
            return _has_id(message) and isinstance(request, dict) and isinstance(request.get("subtype"), str)
        case "control_response":
            response = message.get("response")
            return isinstance(response, dict) and _has_id(response)
        case "control_cancel_request":
            return _has_id(message)
        case _:
            return True


def _has_id(message: dict[str, Any]) -> bool:
    return isinstance(message.get("request_id"), str)


def _unknown(kind: str) -> dict[str, Any]:
    return {"type": "system", "subtype": UNKNOWN_EVENT, "kind": kind}


def _unknown_blocks(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    inner = message.get("message")
    content = inner.get("content") if isinstance(inner, dict) else None
    for block in content if isinstance(content, list) else ():
        kind = block.get("type") if isinstance(block, dict) else None
        if isinstance(kind, str) and kind not in KNOWN_BLOCKS:
            yield _unknown(kind[:100])
