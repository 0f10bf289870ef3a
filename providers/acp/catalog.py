"""What an ACP agent on this machine can do, asked of the agent itself without asking any model.

It is started for the question alone. Modes and models are those of a session, so one is begun in an empty folder and
deleted where the agent can. It has no prompt: Qwen Code keeps nothing of it, OpenCode an empty session.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from providers.acp.asking import PROBE_PREFIX, in_talk, sessions_of
from providers.acp.connection import Handler
from providers.acp.fields import table, tables, text
from providers.acp.peer import CONTROL_S, Peer
from providers.acp.presets import Preset
from providers.acp.settings import MAX_DESCRIPTION_CHARS, MAX_OFFERED, Settings
from providers.base import NativeSession, ProcessRecorder, ProviderFailed
from providers.program import Launch
from providers.tasks import TaskStarter
from ws.protocol.providers import ProviderInfo, SlashCommand

SESSION_S = 30.0
COMMANDS_S = 1.5
"""Agents tell their commands after a session has begun (Qwen Code: 0.5 s); one without any is not waited for longer."""


class _Listener(Handler):
    """Keeps the commands that the agent tells."""

    def __init__(self) -> None:
        self.commands: list[SlashCommand] = []
        self.has_commands = asyncio.Event()

    async def told(self, method: str, params: Mapping[str, Any]) -> None:
        update = table(params, "update")
        if text(update, "sessionUpdate") == "available_commands_update":
            self.commands = [
                SlashCommand(name=text(each, "name"), description=text(each, "description")[:MAX_DESCRIPTION_CHARS])
                for each in tables(update, "availableCommands")[:MAX_OFFERED]
                if text(each, "name")
            ]
            self.has_commands.set()


Learn = Callable[[Sequence[NativeSession] | None], None]


async def ask(provider: str, preset: Preset, launch: Launch, start_task: TaskStarter, learn: Learn) -> ProviderInfo:
    """Start the agent, ask, end it; `learn` is told the sessions that it lists. Raises :class:`ProviderFailed`."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=PROBE_PREFIX))
    try:
        peer = Peer(preset, replace(launch, folder=folder), ProcessRecorder(), start_task)
        listener = _Listener()
        async with in_talk(peer, listener, start_task):
            settings = await _session_settings(peer, folder, listener)
            with suppress(ProviderFailed):  # an agent that fails at this alone can be used all the same
                learn(await sessions_of(peer))
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    return ProviderInfo(
        id=provider,
        name=peer.preset.name,
        tag=peer.preset.tag,
        available=True,
        version=peer.version,
        models=settings.models(),
        modes=settings.modes(),
        commands=listener.commands,
        features=_features(peer),
    )


async def _session_settings(peer: Peer, folder: Path, listener: _Listener) -> Settings:
    settings = Settings(peer.preset.name)
    begun = await peer.call("session/new", {"cwd": str(folder), "mcpServers": []}, SESSION_S, "begin a session")
    settings.learn(begun)
    with suppress(TimeoutError):
        await asyncio.wait_for(listener.has_commands.wait(), COMMANDS_S)
    for method in ("delete", "close"):
        if peer.can(method):
            with suppress(ProviderFailed):
                await peer.call(f"session/{method}", {"sessionId": text(begun, "sessionId")}, CONTROL_S, method)
            break
    return settings


def _features(peer: Peer) -> list[str]:
    features = {"approvals", "interrupt", "plan", "questions", "thinking"}
    if peer.can_load or peer.can("resume"):
        features.add("resume")
    if peer.can("fork"):
        features.add("fork")
    if peer.takes_images:
        features.add("images")
    return sorted(features)
