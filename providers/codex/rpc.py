"""The app-server's wire: JSON-RPC in lines, without the member `jsonrpc`. One connection is one process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import msgspec
import structlog

from providers.base import ProviderFailed
from providers.codex import errors
from providers.lines import decoded
from providers.program import Program

log = structlog.get_logger(__name__)

CALL_S = 20.0
"""Seen: 1–100 ms; a thread with MCP servers of the user's configuration takes longer to start."""

REFUSED_CODE = -32601

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Message:
    """A notification, or a request of the app-server when it has an `id`; `size` is that of its line in bytes."""

    method: str
    params: Params
    id: int | str | None
    size: int


Receive = Callable[[Message], Awaitable[None]]


class CallRefused(Exception):
    """The app-server answered with an error; `error` is its member of that name."""

    def __init__(self, error: Params) -> None:
        super().__init__(errors.first_line(error.get("message")))
        self.error = error


class Connection:
    """Calls and answers over one process. `receive` gets everything else, one after another."""

    def __init__(self, process: Program, receive: Receive) -> None:
        self._process = process
        self._receive = receive
        self._ids = count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._writing = asyncio.Lock()
        self._failure: ProviderFailed | None = None

    async def call(self, method: str, *, deadline_s: float = CALL_S, **params: Any) -> Any:
        """Raises :class:`CallRefused`, TimeoutError, and :class:`ProviderFailed` when the process is gone."""
        if self._failure is not None:
            raise self._failure
        call_id = next(self._ids)
        answered = self._waiting[call_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(deadline_s):
                await self._send({"id": call_id, "method": method, "params": params})
                return await answered
        finally:
            self._waiting.pop(call_id, None)

    async def notify(self, method: str) -> None:
        await self._send({"method": method})

    async def answer(self, request: int | str, result: Params) -> None:
        await self._send({"id": request, "result": result})

    async def refuse(self, request: int | str, why: str) -> None:
        """Codex takes an error for a refusal and goes on."""
        await self._send({"id": request, "error": {"code": REFUSED_CODE, "message": why}})

    async def read(self) -> None:
        """Everything until the process ends its output. Raises :class:`ProviderFailed` for a line that is too long."""
        async for line in self._process.lines():
            message = _decoded(line)
            if message is None:
                log.warning("codex_line_not_understood", size=len(line))
            elif isinstance(message.get("method"), str):
                params = message.get("params")
                shown = params if isinstance(params, dict) else {}
                await self._receive(Message(message["method"], shown, message.get("id"), len(line)))
            else:
                self._settle(message)

    def close(self, failure: ProviderFailed) -> None:
        """No answer comes any more."""
        self._failure = failure
        for answered in self._waiting.values():
            if not answered.done():
                answered.set_exception(failure)

    def _settle(self, message: Mapping[str, Any]) -> None:
        number = message.get("id")
        answered = self._waiting.get(number) if isinstance(number, int) else None
        if answered is None or answered.done():
            return
        if isinstance(error := message.get("error"), dict):
            answered.set_exception(CallRefused(error))
        else:
            answered.set_result(message.get("result") or {})

    async def _send(self, message: Mapping[str, Any]) -> None:
        try:
            async with self._writing:
                await self._process.write(msgspec.json.encode(message) + b"\n")
        except OSError as error:
            raise self._failure or ProviderFailed(errors.ENDED) from error


def _decoded(line: bytes) -> dict[str, Any] | None:
    try:
        message = decoded(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
