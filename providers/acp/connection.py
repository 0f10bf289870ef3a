"""JSON-RPC 2.0 with an agent, a message a line. Messages are handled in the order in which they come."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import msgspec
import structlog

from providers.base import ProviderFailed
from providers.lines import decoded
from providers.program import Program

log = structlog.get_logger(__name__)

METHOD_NOT_FOUND = -32601
AUTH_REQUIRED = -32000

_encode = msgspec.json.encode


class AgentRefused(Exception):
    """The agent answered a request with an error; `code` as JSON-RPC has it, the text is what it said."""

    def __init__(self, code: int, text: str, data: Any) -> None:
        super().__init__(text)
        self.code = code
        self.data = data

    @classmethod
    def of(cls, error: Any) -> "AgentRefused":
        """From the `error` of a response; agents put what they really mean into `data`."""
        if not isinstance(error, dict):
            return cls(0, str(error)[:500], None)
        data, code = error.get("data"), error.get("code")
        details = data.get("details") or data.get("message") if isinstance(data, dict) else data
        said = str(error.get("message") or "an error without a message").removeprefix("Internal error: ")
        if isinstance(details, str) and details.strip():
            said = details if said == "Internal error" else f"{said}: {details}"
        return cls(code if isinstance(code, int) else 0, " ".join(said.split())[:500], data)


@dataclass(frozen=True)
class Asked:
    """A request of the agent, to be answered once by :meth:`Connection.reply` or :meth:`Connection.refuse`."""

    id: Any
    method: str
    params: Mapping[str, Any]


class Handler:
    """What takes the messages of an agent; awaited one after the other."""

    async def told(self, method: str, params: Mapping[str, Any]) -> None:
        """A notification."""

    async def asked(self, request: Asked) -> None:
        """A request."""

    async def misunderstood(self, line: bytes) -> None:
        """A line that is no message."""


Answered = Callable[[Mapping[str, Any] | AgentRefused], Awaitable[None]]


class Connection:
    """One agent's wire. `read` runs until the agent ends; then all who wait are refused."""

    def __init__(self, program: Program, handler: Handler, name: str) -> None:
        self._program = program
        self._handler = handler
        self._name = name
        self._ids = count(1)
        self._waiting: dict[int, Answered] = {}
        self._is_over = False
        self._writing = asyncio.Lock()

    @property
    def is_over(self) -> bool:
        """The output of the agent has ended."""
        return self._is_over

    async def call(self, method: str, params: Mapping[str, Any], *, deadline_s: float) -> Mapping[str, Any]:
        """Raises :class:`AgentRefused`; :class:`ProviderFailed` when the agent is gone or does not answer in time."""
        answer: asyncio.Future[Mapping[str, Any] | AgentRefused] = asyncio.get_running_loop().create_future()

        async def answered(value: Mapping[str, Any] | AgentRefused) -> None:
            if not answer.done():
                answer.set_result(value)

        number = await self.begin(method, params, answered)
        try:
            async with asyncio.timeout(deadline_s):
                value = await answer
        except TimeoutError as error:
            raise ProviderFailed(f"{self._name} did not answer {method} within {deadline_s:g} s: try again.") from error
        finally:
            self._waiting.pop(number, None)
        if isinstance(value, AgentRefused):
            raise value
        return value

    async def begin(self, method: str, params: Mapping[str, Any], answered: Answered) -> int:
        """Send a request; `answered` is awaited in order with all other messages. Raises :class:`ProviderFailed`."""
        number = next(self._ids)
        self._waiting[number] = answered
        try:
            await self._send({"id": number, "method": method, "params": params})
        except ProviderFailed:
            self._waiting.pop(number, None)
            raise
        return number

    async def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Raises :class:`ProviderFailed` when the agent is gone."""
        await self._send({"method": method, "params": params})

    async def reply(self, request: Asked, result: Mapping[str, Any]) -> None:
        """Answer; nothing happens when the agent is gone."""
        await self._send_if_there({"id": request.id, "result": result})

    async def refuse(self, request: Asked, code: int, message: str) -> None:
        await self._send_if_there({"id": request.id, "error": {"code": code, "message": message}})

    async def read(self) -> None:
        """Pass every message on until the output ends. Raises :class:`ProviderFailed` for a line that is too long."""
        try:
            async for line in self._program.lines():
                await self._take(line)
        finally:
            self._is_over = True
            waiting, self._waiting = self._waiting, {}
            for answered in waiting.values():
                await answered(AgentRefused(0, "the agent has ended", None))

    async def _take(self, line: bytes) -> None:
        try:
            message = decoded(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            await self._handler.misunderstood(line)
            return
        method, params = message.get("method"), message.get("params")
        if isinstance(method, str):
            given = params if isinstance(params, dict) else {}
            if "id" in message:
                await self._handler.asked(Asked(message["id"], method, given))
            else:
                await self._handler.told(method, given)
            return
        number = message.get("id")
        answered = self._waiting.pop(number, None) if isinstance(number, int) else None
        if answered is None:
            log.debug("acp_answer_to_nothing", agent=self._name)
            return
        if message.get("error") is not None:
            await answered(AgentRefused.of(message["error"]))
        else:
            result = message.get("result")
            await answered(result if isinstance(result, dict) else {})

    async def _send(self, message: Mapping[str, Any]) -> None:
        if self._is_over:
            raise ProviderFailed(f"{self._name} has ended.")
        try:
            async with self._writing:
                await self._program.write(_encode({"jsonrpc": "2.0", **message}) + b"\n")
        except OSError as error:  # TimeoutError is one, too
            raise ProviderFailed(f"{self._name} no longer reads what it is told.") from error

    async def _send_if_there(self, message: Mapping[str, Any]) -> None:
        try:
            await self._send(message)
        except ProviderFailed as failure:
            log.info("acp_answer_not_taken", agent=self._name, reason=str(failure))
