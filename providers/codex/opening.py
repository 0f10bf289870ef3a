"""How a session gets its thread: a new one, an old one resumed, or the fork of another one."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from providers.base import ProviderFailed, SessionSpec
from providers.codex import errors, settings
from providers.codex.agent import CodexAgent
from providers.codex.modes import DEFAULT
from providers.codex.normalize import Normalizer
from providers.codex.rpc import CallRefused, Connection
from providers.codex.server import AppServer
from providers.tasks import TaskStarter
from ws.protocol.events import Notice

OPEN_S = 40.0
"""Seen: 13–90 ms; MCP servers of the user's configuration are waited for."""

MEMORY_LOST = Notice(
    level="warning",
    code="memory_lost",
    text="Codex no longer has what was said before in this session: it starts without that memory.",
)


async def open_agent(
    spec: SessionSpec, server: AppServer, connection: Connection, command: Sequence[str], start_task: TaskStarter
) -> CodexAgent:
    """Start, resume or fork a thread. Raises :class:`ProviderFailed`: then the app-server is still to be released."""
    normalizer = Normalizer(spec.path, spec.native_id, command, clock=time.monotonic)
    try:
        answer = await _opened(spec, server, connection)
    except errors.ThreadGone:
        if spec.fork_of is not None:
            raise
        answer = await _call(connection, "thread/start", settings.thread(spec, spec.mode or DEFAULT))
        normalizer.tell_with_next_turn(MEMORY_LOST)
    agent = CodexAgent(spec, server, connection, normalizer, start_task)
    await agent.begin(answer)
    return agent


async def _opened(spec: SessionSpec, server: AppServer, connection: Connection) -> Mapping[str, Any]:
    given = settings.thread(spec, spec.mode or DEFAULT)
    if spec.native_id is not None:
        server.forget(spec.native_id)
        resumed = {"threadId": spec.native_id, "excludeTurns": True, **given}
        return await _call(connection, "thread/resume", resumed)
    if spec.fork_of is not None:
        forked = {"threadId": spec.fork_of.native_id, "excludeTurns": True, **given}
        if spec.fork_of.anchor is not None:
            forked["lastTurnId"] = spec.fork_of.anchor
        return await _call(connection, "thread/fork", forked)
    return await _call(connection, "thread/start", given)


async def _call(connection: Connection, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        answer: Mapping[str, Any] = await connection.call(method, deadline_s=OPEN_S, **params)
    except CallRefused as refusal:
        raise errors.refused("open the session", refusal.error) from refusal
    except TimeoutError as error:
        raise ProviderFailed("Codex did not open the session in time: try again.") from error
    return answer
