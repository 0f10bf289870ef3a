"""Every session of every agent of this node that is none of ours: rows for the list, journals to read."""

import asyncio
import base64
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog
from msgspec.structs import replace

from node.sessions.fitting import encode
from node.sessions.fold import empty_state
from node.sessions.journal import Journal
from node.sessions.native.following import go_on
from node.sessions.native.pages import MemoryPages
from node.sessions.watch import watch
from node.store.hidden import HiddenNatives, Native
from providers.base import NativeHistory, NativeSession, Provider, ProviderFailed
from ws.protocol.base import NodeId, SessionId
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import JournalEvent, ModeChanged, SessionStarted, TurnEnded, TurnStarted
from ws.protocol.sessions import SessionState, SessionSummary
from ws.rpc import Lagging
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

MAX_OPEN = 8
MAX_OPEN_BYTES = 128 * 1024 * 1024
"""Transcripts kept in memory (each at most 64 MiB on disk); those that are being watched are kept beyond both."""
LIST_DEADLINE_S = 5.0
"""For one agent to list its sessions: beyond it the list does without them, and the next has them."""
BATCH_EVENTS = 500


class Providers(Protocol):
    """The agents of this node."""

    @property
    def ids(self) -> list[str]: ...

    def get(self, provider: str) -> Provider | None: ...


@dataclass(frozen=True)
class Found:
    """A session of an agent's own, under the id that it has here."""

    id: SessionId
    provider: str
    native: NativeSession

    @property
    def key(self) -> Native:
        return (self.provider, self.native.native_id)


@dataclass(frozen=True)
class Past:
    """What a journal begins with. Readers of the transcript may go on from their cursors if that only grew."""

    epoch: str
    started: SessionStarted
    events: list[JournalEvent]


class _Opened:
    """A transcript as a journal; `count` of its events have been taken in, of which `digest` is made."""

    def __init__(self, state: SessionState) -> None:
        self.begin(state)
        self.count = 0
        self.digest = b""
        self.watchers = 0
        self.follower: asyncio.Task[None] | None = None
        self.updating = asyncio.Lock()
        self.seen: NativeSession | None = None
        """As of which it was read: the very value, for an index makes another one when the file has changed."""

    def begin(self, state: SessionState) -> None:
        """An empty journal in that state."""
        self.pages = MemoryPages()
        self.journal = Journal(self.pages, 0, state, on_appended=lambda appended: None)


class Library:
    """`ours` are the native sessions that our own ones go on with; `allows` tells a folder inside the node's roots."""

    def __init__(
        self,
        node: NodeId,
        providers: Providers,
        hidden: HiddenNatives,
        owner: TaskOwner,
        *,
        ours: Callable[[], set[Native]],
        allows: Callable[[Path], bool],
    ) -> None:
        self._node = node
        self._providers = providers
        self._hidden = hidden
        self._hidden_now: set[Native] = set()
        self._owner = owner
        self._ours = ours
        self._allows = allows
        self._known: dict[SessionId, Found] = {}
        self._opened: OrderedDict[SessionId, _Opened] = OrderedDict()

    async def start(self) -> None:
        """Remember what was hidden."""
        self._hidden_now = await self._hidden.all()

    async def all(self) -> list[Found]:
        """Those that are not hidden, not ours, and inside the roots."""
        async with asyncio.TaskGroup() as group:
            asked = {provider: group.create_task(self._of(provider)) for provider in self._providers.ids}
        found = [
            Found(session_id(provider, native.native_id), provider, native)
            for provider, answer in asked.items()
            for native in answer.result()
        ]
        self._known = {each.id: each for each in found}
        ours = self._ours()
        return [each for each in found if each.key not in ours and self._is_shown(each)]

    async def get(self, session: str) -> Found:
        """Raises not_found."""
        known = self._known.get(SessionId(session))
        if known is not None:
            history = self._history(known.provider)
            native = None if history is None else await history.session(known.native.native_id)
            found = None if native is None else Found(known.id, known.provider, native)
        else:
            found = next((each for each in await self.all() if each.id == session), None)
        if found is None or found.key in self._ours() or not self._is_shown(found):
            raise WireError(ErrorCode.NOT_FOUND, "There is no such session on this machine.")
        return found

    async def by_native_id(self, provider: str, native_id: str) -> Found | None:
        """The session of this agent, shown again if it was hidden; None for one that does not tell of its sessions.

        Raises not_found for what it does not have, or outside the roots: to its program another name may be that
        of a file or an address.
        """
        history = self._history(provider)
        if history is None:
            return None
        native = next((each for each in await history.sessions() if each.native_id == native_id), None)
        found = None if native is None else Found(session_id(provider, native_id), provider, native)
        if found is None or not self._allows(found.native.path):
            raise WireError(ErrorCode.NOT_FOUND, "This agent has no such session on this machine; see session.list.")
        if (provider, native_id) in self._hidden_now:
            await self._hidden.remove((provider, native_id))
            self._hidden_now.discard((provider, native_id))
        self._known[found.id] = found
        return found

    async def check_free(self, native: Native) -> None:
        """Raises `conflict` while a program not of ours has this session open: two would hide each other's turns."""
        history = self._history(native[0])
        with suppress(ProviderFailed, TimeoutError):
            async with asyncio.timeout(LIST_DEADLINE_S):
                found = None if history is None else await history.session(native[1])
            if found is not None and found.is_running:
                raise WireError(
                    ErrorCode.CONFLICT,
                    "This session is open in a terminal on that machine: end it there, then it can go on here.",
                )

    async def hide(self, native: Native) -> None:
        """List it no more; the agent's transcript stays."""
        await self._hidden.add(native)
        self._hidden_now.add(native)

    async def journal(self, found: Found) -> Journal:
        """The transcript as it is now. Raises WireError."""
        opened = self._opened.get(found.id)
        if opened is None:
            opened = _Opened(self._empty(found))
            self._opened[found.id] = opened
        self._opened.move_to_end(found.id)
        await self._update(found, opened)
        self._opened.setdefault(found.id, opened)  # another one that was opened meanwhile may have needed its room
        self._make_room(found.id)
        return opened.journal

    def _make_room(self, last: SessionId) -> None:
        """Forget those that were used the longest ago; never the last one, and none that somebody watches."""
        idle = [each for each, opened in self._opened.items() if not opened.watchers and each != last]
        size_bytes = sum(opened.pages.size_bytes for opened in self._opened.values())
        while idle and (len(idle) >= MAX_OPEN or size_bytes > MAX_OPEN_BYTES):
            size_bytes -= self._opened.pop(idle.pop(0)).pages.size_bytes

    async def watch(self, found: Found, journal: Journal, after: int, epoch: str | None) -> AsyncIterator[bytes]:
        """As `watch` of our own sessions; follows the transcript as it grows."""
        opened = self._opened.get(found.id)
        if opened is None or opened.journal is not journal:
            raise Lagging("the journal was replaced meanwhile")
        opened.watchers += 1
        if opened.follower is None:
            opened.follower = self._owner.start(self._follow(found, opened), name=f"follow {found.id}")
        try:
            async for event in watch(journal, after, epoch):
                yield event
        finally:
            opened.watchers -= 1
            if not opened.watchers and opened.follower is not None:
                opened.follower.cancel()
                opened.follower = None

    def taken_over(self, session: SessionId) -> None:
        """It is one of ours from now on: its readers ask again."""
        opened = self._opened.pop(session, None)
        if opened is not None:
            opened.journal.hand_over()

    def started(self, found: Found, events: Sequence[JournalEvent]) -> SessionStarted:
        """What a journal of this session begins with, of one that is ours too."""
        return SessionStarted(
            provider=found.provider,
            path=str(found.native.path),
            model=None,
            mode=None,
            title=found.native.title[:200] or None,
            native_id=found.native.native_id,
            ts=next((event.ts for event in events if event.ts), found.native.updated),
        )

    async def past(self, found: Found, mode: str | None) -> Past:
        """What one that becomes ours begins with: its transcript with every turn ended, and its mode."""
        journal = await self.journal(found)
        opened = self._opened[found.id]
        async with opened.updating:
            events = await self.transcript(found)
            is_same = await asyncio.to_thread(_digest, events[: opened.count]) == opened.digest
        epoch = journal.state.epoch if is_same else secrets.token_urlsafe(8)
        begun = [event for event in events if isinstance(event, TurnStarted | TurnEnded)]
        if begun and isinstance(begun[-1], TurnStarted):
            events.append(TurnEnded(stop_reason="cancelled"))
        if mode is not None:
            events.append(ModeChanged(mode=mode))
        return Past(epoch, self.started(found, events), events)

    async def transcript(self, found: Found) -> list[JournalEvent]:
        """Raises WireError."""
        history = self._history(found.provider)
        gone = WireError(ErrorCode.NOT_FOUND, "The agent has no such session any more.")
        if history is None:
            raise gone
        try:
            return list(await history.transcript(found.native.native_id))
        except KeyError as error:
            raise gone from error
        except ProviderFailed as error:
            raise WireError(ErrorCode.PROVIDER_FAILED, str(error)) from error

    async def _update(self, found: Found, opened: _Opened) -> None:
        """Take in what the transcript has more; one that was changed otherwise is read as another one."""
        async with opened.updating:
            if opened.seen is found.native:
                return
            events = await self.transcript(found)
            digest = await asyncio.to_thread(_digest, events[: opened.count])
            if opened.count and (digest != opened.digest or len(events) < opened.count):
                opened.journal.hand_over()
                opened.begin(self._empty(found, _salt(events)))
                opened.count = 0
            new = events[opened.count :] if opened.count else [self.started(found, events), *events]
            for start in range(0, len(new), BATCH_EVENTS):
                await opened.journal.append(new[start : start + BATCH_EVENTS])
                await asyncio.sleep(0)  # a journal in memory never waits: others are to have their turn
            if new:
                opened.count, opened.digest = len(events), await asyncio.to_thread(_digest, events)
            opened.seen = found.native

    async def _follow(self, found: Found, opened: _Opened) -> None:
        history = self._history(found.provider)
        seen = found.native.updated

        async def catch_up(history: NativeHistory) -> None:
            nonlocal seen
            native = await history.session(found.native.native_id)
            if native is not None and native.updated != seen:
                seen = native.updated
                with suppress(WireError):
                    await self._update(Found(found.id, found.provider, native), opened)

        async def round_of(history: NativeHistory) -> None:
            # Listening begins before looking, so that no change falls between the two.
            async with asyncio.TaskGroup() as group:
                _ = group.create_task(history.changed())
                _ = group.create_task(catch_up(history))

        if history is not None:
            await go_on(lambda: round_of(history), f"transcript {found.id}")

    async def _of(self, provider: str) -> list[NativeSession]:
        history = self._history(provider)
        if history is None:
            return []
        try:
            async with asyncio.timeout(LIST_DEADLINE_S):
                return list(await history.sessions())
        except (TimeoutError, ProviderFailed, OSError) as error:
            log.warning("native_sessions_unknown", provider=provider, reason=str(error) or "took too long")
            return []

    def _is_shown(self, found: Found) -> bool:
        return found.key not in self._hidden_now and self._allows(found.native.path)

    def _empty(self, found: Found, salt: str = "") -> SessionState:
        return empty_state(found.id, self._node, epoch_of(found, salt))

    def _history(self, provider: str) -> NativeHistory | None:
        found = self._providers.get(provider)
        return None if found is None else found.history


def session_id(provider: str, native_id: str) -> SessionId:
    """The id that a native session has here, before and after it became one of ours."""
    digest = hashlib.blake2s(f"{provider}\0{native_id}".encode(), digest_size=15).digest()
    return SessionId(f"n-{base64.urlsafe_b64encode(digest).decode()}")


def epoch_of(found: Found, salt: str = "") -> str:
    """The same as long as a transcript only grows."""
    name = f"{found.provider}\0{found.native.native_id}\0{salt}".encode()
    return base64.urlsafe_b64encode(hashlib.blake2s(name, digest_size=6).digest()).decode()


def row(found: Found, node: NodeId) -> SessionSummary:
    """As the list shows it."""
    native = found.native
    return SessionSummary(
        id=found.id,
        node=node,
        path=str(native.path),
        provider=found.provider,
        title=native.title[:200],
        status="native",
        updated=native.updated,
        unread=False,
        pending_approvals=0,
        model=None,
        mode=None,
        archived=False,
        native_id=native.native_id,
        branch=native.branch,
        turns=native.turns,
        is_running_elsewhere=native.is_running,
    )


def as_native(state: SessionState, found: Found) -> SessionState:
    """The journal's fold, as session.get answers for one that is not ours."""
    native = found.native
    return replace(
        state,
        status="native",
        updated=native.updated,
        branch=native.branch,
        turns=native.turns,
        is_running_elsewhere=native.is_running,
    )


async def batches(events: Sequence[JournalEvent]) -> AsyncIterator[list[JournalEvent]]:
    """So that no append is large."""
    for start in range(0, len(events), BATCH_EVENTS):
        yield list(events[start : start + BATCH_EVENTS])


def _digest(events: list[JournalEvent]) -> bytes:
    digest = hashlib.blake2s()
    for event in events:
        digest.update(encode(event))
    return digest.digest()


def _salt(events: list[JournalEvent]) -> str:
    return _digest(events[:50]).hex()[:12]
