"""The sessions of agents whose files are not known, asked of the agents themselves: `session/list`, `session/load`.

Each question starts the agent (OpenCode 1.18.33: 2 s, 800 MB for that time), so what was listed is kept, and nothing
is asked unless somebody wants to see it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from providers.base import NativeSession, ProviderFailed
from providers.tasks import TaskStarter
from ws.protocol.events import JournalEvent

log = structlog.get_logger(__name__)

FRESH_S = 600.0
"""A list that is older is asked for anew when somebody looks at it; who looks gets the old one meanwhile."""
RETRY_S = 60.0
FIRST_S = 1.8
"""The first list is waited for so long, as the first description is; it goes on, and a later answer has it."""
MAX_READ = 4
"""Transcripts that are kept, so that opening a session and going on with it starts the agent once."""

ListNow = Callable[[], Awaitable[Sequence[NativeSession] | None]]
"""None: the agent cannot list. Raises ProviderFailed and TimeoutError."""
ReadNow = Callable[[NativeSession], Awaitable[Sequence[JournalEvent]]]
"""As :meth:`providers.base.NativeHistory.transcript`."""


@dataclass(frozen=True)
class _Past:
    """`failure` says why there are no events."""

    native: NativeSession
    events: Sequence[JournalEvent]
    failure: str | None = None


class ListedHistory:
    """See :class:`providers.base.NativeHistory`."""

    is_followed = False

    def __init__(self, list_now: ListNow, read_now: ReadNow, start_task: TaskStarter) -> None:
        self._list_now = list_now
        self._read_now = read_now
        self._start_task = start_task
        self._rows: dict[str, NativeSession] = {}
        self._is_known = False
        self.is_mute = False
        """The agent has been asked and cannot list any."""
        self._stale_at = 0.0
        self._asking: asyncio.Task[None] | None = None
        self._read: OrderedDict[str, _Past] = OrderedDict()
        self._readings: dict[str, asyncio.Task[None]] = {}
        self._one_at_a_time = asyncio.Lock()
        self._change = asyncio.Event()

    def has_told(self) -> bool:
        """Whether the agent has told once what it has, or that it cannot list."""
        return self._is_known

    @property
    def rows(self) -> Sequence[NativeSession] | None:
        """What was told last, None when it cannot list; see `learn`."""
        return None if self.is_mute else [*self._rows.values()]

    async def sessions(self) -> Sequence[NativeSession]:
        if asyncio.get_running_loop().time() >= self._stale_at and (self._asking is None or self._asking.done()):
            self._asking = self._start_task(self._ask(), name="acp-list")
        if self._asking is not None and not self._is_known:
            await asyncio.wait({self._asking}, timeout=FIRST_S)
        return sorted(self._rows.values(), key=lambda row: row.updated, reverse=True)

    async def session(self, native_id: str) -> NativeSession | None:
        return self._rows.get(native_id)

    async def transcript(self, native_id: str) -> Sequence[JournalEvent]:
        native = self._rows[native_id]
        past = self._read.get(native_id)
        if past is None or past.native != native or past.failure is not None:
            if native_id not in self._readings:
                self._readings[native_id] = self._start_task(self._keep(native), name=f"acp-read-{native_id[:64]}")
            # Who asks may run out of time on a busy machine: it is read to its end, and is there when they ask again.
            await asyncio.wait({self._readings[native_id]})
            past = self._read.get(native_id)
        if past is None or past.failure is not None:
            raise ProviderFailed(
                "The agent ended while it told its session: try again." if past is None else past.failure
            )
        return past.events

    def prompt_name(self, message_id: str) -> str | None:
        return None

    async def changed(self) -> None:
        await self._change.wait()

    def learn(self, rows: Sequence[NativeSession] | None) -> None:
        """What the agent has told by itself, None when it cannot list."""
        self._is_known, self.is_mute = True, rows is None
        self._stale_at = float("inf") if rows is None else asyncio.get_running_loop().time() + FRESH_S
        # A row that has not changed stays the same object: by that its readers know that there is nothing new.
        told = {row.native_id: row for row in rows or ()}
        kept = {name: known if (known := self._rows.get(name)) == row else row for name, row in told.items()}
        if kept != self._rows:
            self._rows = kept
            self._change.set()
            self._change = asyncio.Event()

    def close(self) -> None:
        """Nothing is held: questions that are under way belong to the owner of the tasks."""

    async def _keep(self, native: NativeSession) -> None:
        try:
            async with self._one_at_a_time:
                past = _Past(native, await self._read_now(native))
        except ProviderFailed as failure:
            past = _Past(native, (), str(failure))
        finally:
            del self._readings[native.native_id]
        self._read[native.native_id] = past
        self._read.move_to_end(native.native_id)
        while len(self._read) > MAX_READ:
            self._read.popitem(last=False)

    async def _ask(self) -> None:
        try:
            self.learn(await self._list_now())
        except (ProviderFailed, TimeoutError) as failure:
            log.info("acp_sessions_unknown", reason=str(failure) or "took too long")
            self._stale_at = asyncio.get_running_loop().time() + RETRY_S
