"""The agent at the other end: its program, its wire, and what it said of itself when hands were shaken."""

from collections.abc import Mapping
from typing import Any

from providers.acp import errors
from providers.acp.connection import AgentRefused, Answered, Asked, Connection, Handler
from providers.acp.fields import table, tables, text
from providers.acp.presets import Preset
from providers.base import ProcessRecorder, ProviderFailed
from providers.program import Launch, Program
from providers.tasks import TaskStarter
from ws.protocol import __version__

PROTOCOL_VERSION = 1
HANDSHAKE_S = 45.0
"""Seen: 0.6–5.6 s on an idle machine; these are large programs and a busy machine takes its time."""

CONTROL_S = 15.0
_CAPABILITIES = {
    "fs": {"readTextFile": False, "writeTextFile": False},
    "terminal": False,
    "elicitation": {"form": {}},
}


class Peer:
    """One agent process. `listen`, `start`, `initialize`, then the rest; `close` last."""

    def __init__(self, preset: Preset, launch: Launch, recorder: ProcessRecorder, start_task: TaskStarter) -> None:
        self.preset = preset
        self.about: Mapping[str, Any] = {}
        self._program_name = launch.command[0]
        self._program = Program(launch, start_task, recorder)
        self._connection = Connection(self._program, Handler(), preset.name)

    def listen(self, handler: Handler) -> None:
        """Who takes what the agent says."""
        self._connection = Connection(self._program, handler, self.preset.name)

    async def start(self) -> None:
        """Raises :class:`ProviderFailed`."""
        await self._program.start()

    async def initialize(self) -> None:
        """Shake hands; somebody must be reading. Raises :class:`ProviderFailed`."""
        client = {"name": "switchyard", "title": "Switchyard", "version": __version__}
        params = {"protocolVersion": PROTOCOL_VERSION, "clientCapabilities": _CAPABILITIES, "clientInfo": client}
        self.about = await self.call("initialize", params, HANDSHAKE_S, "shake hands")
        version = self.about.get("protocolVersion")
        if version != PROTOCOL_VERSION:
            raise ProviderFailed(
                f"{self.preset.name} speaks version {version} of the Agent Client Protocol, this node version "
                f"{PROTOCOL_VERSION}: update the older one of them."
            )

    @property
    def version(self) -> str | None:
        return text(table(self.about, "agentInfo"), "version")[:64] or None

    @property
    def can_load(self) -> bool:
        return table(self.about, "agentCapabilities").get("loadSession") is True

    def can(self, capability: str) -> bool:
        """One of the session capabilities: list, resume, fork, close, delete."""
        capabilities = table(table(self.about, "agentCapabilities"), "sessionCapabilities")
        return isinstance(capabilities.get(capability), dict) or capabilities.get(capability) is True

    @property
    def takes_images(self) -> bool:
        return table(table(self.about, "agentCapabilities"), "promptCapabilities").get("image") is True

    @property
    def is_over(self) -> bool:
        return self._connection.is_over

    async def call(self, method: str, params: Mapping[str, Any], deadline_s: float, what: str) -> Mapping[str, Any]:
        """Raises :class:`ProviderFailed`, saying that the agent did not do `what` and why."""
        try:
            return await self._connection.call(method, params, deadline_s=deadline_s)
        except AgentRefused as refusal:
            if self._connection.is_over:
                raise ProviderFailed(f"{await self._program.ended()}: {self._by_hand()}.") from refusal
            methods = tables(self.about, "authMethods")
            raise errors.refused(what, refusal, self.preset, methods, self._program_name) from refusal

    async def begin(self, method: str, params: Mapping[str, Any], answered: Answered) -> None:
        """Send a request; `answered` gets its answer in its place. Raises :class:`ProviderFailed`."""
        await self._connection.begin(method, params, answered)

    async def notify(self, method: str, params: Mapping[str, Any]) -> None:
        await self._connection.notify(method, params)

    async def reply(self, request: Asked, result: Mapping[str, Any]) -> None:
        await self._connection.reply(request, result)

    async def refuse(self, request: Asked, code: int, message: str) -> None:
        await self._connection.refuse(request, code, message)

    def turn_failed(self, refusal: AgentRefused) -> str:
        """Why a turn ended in an error."""
        return errors.turn_failed(refusal, self.preset, tables(self.about, "authMethods"), self._program_name)

    async def read(self) -> ProviderFailed | None:
        """Pass on what the agent says until it ends; what made us stop before, if anything did."""
        try:
            await self._connection.read()
        except ProviderFailed as failure:
            return failure
        return None

    async def ending(self) -> str:
        return str(await self._program.ended())

    def kill(self) -> None:
        self._program.kill()

    async def close(self) -> None:
        """Within 5 s; idempotent."""
        await self._program.close()

    def _by_hand(self) -> str:
        return f"run `{self._program_name}` by hand on this machine to see why"
