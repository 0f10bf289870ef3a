"""What an agent tells of its past when it is asked by the protocol: which sessions it has, and what was said in one."""

import asyncio
import hashlib
import os
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace as replace_row
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from providers.acp.blocks import LiveBlocks
from providers.acp.connection import METHOD_NOT_FOUND, Asked, Handler
from providers.acp.content import chunk_text
from providers.acp.fields import tables, text
from providers.acp.normalize import Normalizer
from providers.acp.peer import CONTROL_S, Peer
from providers.acp.presets import Preset
from providers.acp.settings import Settings
from providers.base import AgentEvent, NativeSession, ProcessRecorder, ProviderFailed
from providers.bounds import one_line
from providers.history import BY, MAX_PROMPT_CHARS, MAX_TITLE_CHARS, MAX_TRANSCRIPT_BYTES, TRUNCATED
from providers.program import Launch
from providers.tasks import TaskStarter
from ws.protocol.base import MAX_PATH_CHARS
from ws.protocol.events import AgentState, Delta, JournalEvent, TurnStarted, UserMessage

LOAD_S = 60.0
MAX_LISTED = 5000
MAX_PAGES = 50
MAX_ID_CHARS = 128
PROBE_PREFIX = "switchyard-agent-"
"""Of the empty folders in which agents are asked what they can do; some keep the session that is begun for it."""

_LONG_AGO = "1970-01-01T00:00:00.000Z"
_PAST = frozenset({"agent_message_chunk", "agent_thought_chunk", "tool_call", "tool_call_update", "plan"})


@asynccontextmanager
async def in_talk(peer: Peer, handler: Handler, start_task: TaskStarter) -> AsyncIterator[Peer]:
    """The agent from its handshake to its end. Raises :class:`ProviderFailed`."""
    peer.listen(handler)
    await peer.start()
    reading = start_task(_read(peer), name="acp-ask-read")
    try:
        await peer.initialize()
        yield peer
    finally:
        await peer.close()
        await asyncio.wait({reading}, timeout=1.0)


async def _read(peer: Peer) -> None:
    await peer.read()


async def sessions_of(peer: Peer) -> list[NativeSession] | None:
    """All that it lists, of all folders; None when it cannot list. Raises :class:`ProviderFailed`."""
    if not peer.can("list"):
        return None
    found: list[NativeSession] = []
    cursor = ""
    for _ in range(MAX_PAGES):
        told = await peer.call("session/list", {"cursor": cursor} if cursor else {}, CONTROL_S, "list its sessions")
        found += [row for each in tables(told, "sessions") if (row := _row(each)) is not None]
        cursor = text(told, "nextCursor")
        if not cursor or len(found) >= MAX_LISTED:
            break
    return await asyncio.to_thread(_with_real_folders, found[:MAX_LISTED])


def _row(told: Mapping[str, Any]) -> NativeSession | None:
    native_id, folder = text(told, "sessionId"), text(told, "cwd")
    if not 0 < len(native_id) <= MAX_ID_CHARS or not folder.startswith("/") or "\0" in folder:
        return None
    if Path(folder).name.startswith(PROBE_PREFIX):
        return None
    title = one_line(text(told, "title"), MAX_TITLE_CHARS)
    return NativeSession(native_id=native_id, path=Path(folder), title=title, updated=utc_of(text(told, "updatedAt")))


def utc_of(told: str) -> str:
    """A time of an agent as the protocol writes it; long ago when it is none."""
    try:
        found = datetime.fromisoformat(told)
        found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # OverflowError: the first and the last day that there are, elsewhere
        return _LONG_AGO
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _with_real_folders(rows: Iterable[NativeSession]) -> list[NativeSession]:
    real = [replace_row(row, path=Path(os.path.realpath(row.path))) for row in rows]
    return [row for row in real if len(str(row.path)) <= MAX_PATH_CHARS]


async def list_sessions(preset: Preset, launch: Launch, start_task: TaskStarter) -> Sequence[NativeSession] | None:
    """As `sessions_of`, of an agent that is started for it."""
    async with in_talk(Peer(preset, launch, ProcessRecorder(), start_task), Handler(), start_task) as peer:
        return await sessions_of(peer)


async def read_past(
    native: NativeSession, preset: Preset, launch: Launch, start_task: TaskStarter
) -> Sequence[JournalEvent]:
    """What an agent replays when it loads the session; the times are not told. Raises :class:`ProviderFailed`."""
    peer = Peer(preset, launch, ProcessRecorder(), start_task)
    past = _Past(native, peer)
    async with in_talk(peer, past, start_task):
        if not peer.can_load:
            raise ProviderFailed(
                f"{peer.preset.name} shows nothing of a session before it goes on: send a prompt to continue it."
            )
        place = {"sessionId": native.native_id, "cwd": str(native.path), "mcpServers": []}
        await peer.call("session/load", place, LOAD_S, "load the session")
        return past.events()


class _Past(Handler):
    """Makes whole turns of what is replayed: each prompt begins one, and ends the one before."""

    def __init__(self, native: NativeSession, peer: Peer) -> None:
        prefix = hashlib.blake2s(native.native_id.encode(), digest_size=6).hexdigest()
        self._native = native
        self._peer = peer
        self._prefix = prefix
        self._normalizer = Normalizer(native.path, Settings(peer.preset.name), LiveBlocks(prefix))
        self._events: deque[tuple[JournalEvent, int]] = deque()
        self._size_bytes = 0
        self._is_cut = False
        self._prompt: list[str] = []
        self._prompt_name = ""
        self._prompts = 0

    def events(self) -> list[JournalEvent]:
        """All of it; nothing more is taken after that."""
        if self._prompt:
            self._begin()
        else:
            self._take(self._normalizer.finish("end_turn", None))
        kept = [event for event, _ in self._events]
        return [TRUNCATED, *kept] if self._is_cut else kept

    async def told(self, method: str, params: Mapping[str, Any]) -> None:
        update = params.get("update")
        if method != "session/update" or not isinstance(update, dict):
            return
        if text(params, "sessionId") != self._native.native_id:
            return
        kind = text(update, "sessionUpdate")
        if kind == "user_message_chunk":
            self._said(update)
        elif kind in _PAST:
            if self._prompt:
                self._begin()
            self._take(self._normalizer.feed(update))

    async def asked(self, request: Asked) -> None:
        """Nothing is done while the past is told."""
        await self._peer.refuse(request, METHOD_NOT_FOUND, f"{request.method} is not offered")

    def _said(self, update: Mapping[str, Any]) -> None:
        name = text(update, "messageId")
        if self._prompt and name == self._prompt_name:
            self._prompt.append(chunk_text(update))
            return
        if self._prompt:
            self._begin()
        self._take(self._normalizer.finish("end_turn", None))
        self._prompt, self._prompt_name = [chunk_text(update)], name

    def _begin(self) -> None:
        """The prompt is complete: its turn begins."""
        said = "".join(self._prompt)[:MAX_PROMPT_CHARS]
        self._prompts, self._prompt = self._prompts + 1, []
        name = f"{self._prefix}-prompt-{self._prompts}"
        self._take([TurnStarted()])
        self._take(self._normalizer.prompt_sent())
        self._keep(UserMessage(message_id=name, text=said, attachments=[], by=BY))

    def _take(self, events: Iterable[AgentEvent]) -> None:
        for event in events:
            if not isinstance(event, Delta | AgentState):
                self._keep(event)

    def _keep(self, event: JournalEvent) -> None:
        event = replace(event, ts=self._native.updated)
        size_bytes = len(msgspec.json.encode(event))
        self._events.append((event, size_bytes))
        self._size_bytes += size_bytes
        while self._size_bytes > MAX_TRANSCRIPT_BYTES:
            self._is_cut = True
            self._size_bytes -= self._events.popleft()[1]
