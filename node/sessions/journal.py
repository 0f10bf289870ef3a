"""The journal of one session: what is on disk, what it folds to, and who watches it grow."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from node.sessions.deltas import OpenBlocks
from node.sessions.fitting import encode, fitted
from node.sessions.fold import fold
from node.sessions.past import TYPES, Past, read_mark
from node.sessions.presence import NO_AGENT
from node.store.journals import Checkpoint, Entry, NameKind
from ws.protocol.base import now
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import (
    AgentState,
    ApprovalRequested,
    ApprovalResolved,
    Delta,
    JournalEvent,
    PromptQueued,
    TurnEnded,
    TurnStarted,
)
from ws.protocol.sessions import MAX_PAGE_BYTES, SessionState
from ws.rpc import Lagging

Result = TypeVar("Result")

CHECKPOINT_EVERY = 256
"""Events after which the folded state is written beside them, and at the end of each turn: a start reads no more."""

PAGE_EVENTS = 1000

decode_event = msgspec.json.Decoder(JournalEvent).decode
_decode_deltas = msgspec.json.Decoder(list[Delta]).decode


class Pages(Protocol):
    """Where events are kept; see :class:`node.store.journals.Journals`, which is one."""

    async def append(self, number: int, entries: Sequence[Entry], checkpoint: Checkpoint | None) -> None: ...

    def keep_unfinished(self, number: int, body: bytes) -> None: ...

    async def page(self, number: int, *, after: int, until: int, limit: int, max_bytes: int) -> list[bytes]: ...

    async def page_before(self, number: int, *, before: int, limit: int, max_bytes: int) -> list[bytes]: ...

    async def marks(self, number: int, types: Sequence[str], read: Callable[[bytes], Result]) -> list[Result]: ...

    async def find(self, number: int, kind: NameKind, name: str) -> tuple[int, bytes] | None: ...

    async def delete(self, number: int) -> None: ...


class Watcher(Protocol):
    """Somebody who sees the journal grow."""

    def offer(self, event: bytes) -> None:
        """One more event, or a delta, as JSON. Must not block."""

    def end(self, error: WireError | Lagging) -> None:
        """There will be no more events. Lagging: whoever asks again gets what follows."""


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append changed. `events` are stamped."""

    before: SessionState
    after: SessionState
    events: Sequence[JournalEvent]


class Journal:
    """Its owner appends one thing after another; reading and watching may happen at any time."""

    def __init__(
        self, journals: Pages, number: int, state: SessionState, *, on_appended: Callable[[Appended], None]
    ) -> None:
        self.state = state
        self.agent = NO_AGENT
        self._journals = journals
        self._number = number
        self._on_appended = on_appended
        self._checkpoint_head = 0
        self._watchers: set[Watcher] = set()
        self._open = OpenBlocks(self._publish_delta, self._keep_unfinished)
        self._is_appending = False
        self._ended: WireError | None = None

    @property
    def is_watched(self) -> bool:
        return bool(self._watchers)

    async def append(self, items: Sequence[JournalEvent | Delta]) -> int:
        """Stamp, write, fold and publish, in this order; returns the `seq` of the last event.

        Either all are on disk when this returns, or (WireError: the disk is full) none is and nothing has changed.
        Deltas are published in their place among the events and are not written; but what is still open when a turn
        is cut off is written in front of its end.
        """
        before = self.state
        stamped, outgoing = self._stamp(self._open.with_cut_off(items))
        after = fold(before, stamped)
        if stamped:
            entries = [Entry(event.seq, body, _name(event)) for event, body in outgoing if not isinstance(event, Delta)]
            checkpoint = self._checkpoint(after, stamped)
            self._is_appending = True
            try:
                await self._journals.append(self._number, entries, checkpoint)
            finally:
                self._is_appending = False
            self._checkpoint_head = checkpoint.head if checkpoint else self._checkpoint_head
            self.state = after
        for event, body in outgoing:
            if isinstance(event, Delta):
                self._open.take(event)
            else:
                self._open.superseded(event)
                self._publish(body)
        if stamped:
            self._on_appended(Appended(before, after, stamped))
        return after.head

    async def page(self, after: int, limit: int = PAGE_EVENTS) -> list[bytes]:
        """Events from there on as JSON, ending at `limit` or 4 MiB; empty at the head."""
        return await self._journals.page(
            self._number,
            after=min(after, self.state.head),
            until=self.state.head,
            limit=limit,
            max_bytes=MAX_PAGE_BYTES,
        )

    async def page_before(self, before: int, limit: int) -> list[bytes]:
        """The events before that one, in order; ends like `page`."""
        before = min(before, self.state.head + 1)
        return await self._journals.page_before(self._number, before=before, limit=limit, max_bytes=MAX_PAGE_BYTES)

    async def find(self, kind: NameKind, name: str) -> JournalEvent | None:
        """The event with this name: a prompt by its message id, an approval's request or resolution by its id."""
        found = await self._journals.find(self._number, kind, name)
        return None if found is None else decode_event(found[1])

    async def past(self) -> Past:
        """The turns that count."""
        return Past(await self.marks(TYPES, read_mark))

    async def marks(self, types: Sequence[str], read: Callable[[bytes], Result]) -> list[Result]:
        """What `read` makes of each event of these types, in order; see :meth:`Pages.marks`."""
        return await self._journals.marks(self._number, types, read)

    def show(self, agent: AgentState) -> None:
        """Tell of the agent's program, which is no part of the journal."""
        self.agent = agent
        if self._watchers:
            self._publish(encode(agent))

    def join(self, watcher: Watcher) -> list[Delta]:
        """From now on `watcher` sees everything; returns the open blocks so far. Raises when the journal is gone."""
        if self._ended is not None:
            raise self._ended
        so_far = self._open.so_far()
        self._watchers.add(watcher)
        return so_far

    def leave(self, watcher: Watcher) -> None:
        """The watcher sees no more."""
        self._watchers.discard(watcher)

    async def delete(self) -> None:
        """Remove it from the disk; its watchers are told that it is gone."""
        await self._journals.delete(self._number)
        self._ended = WireError(ErrorCode.NOT_FOUND, "This session has been deleted.")
        for watcher in list(self._watchers):
            watcher.end(self._ended)

    def hand_over(self) -> None:
        """Another journal stands for this one from now on: its readers ask again."""
        for watcher in list(self._watchers):
            watcher.end(Lagging("the journal was replaced"))

    def _stamp(
        self, items: Sequence[JournalEvent | Delta]
    ) -> tuple[list[JournalEvent], list[tuple[JournalEvent | Delta, bytes]]]:
        stamped: list[JournalEvent] = []
        outgoing: list[tuple[JournalEvent | Delta, bytes]] = []
        seq = self.state.head
        turn = None if self.state.turn is None else self.state.turn.id
        ts = now()
        for item in _all_fitted(items):
            if isinstance(item, Delta):
                outgoing.append((item, b""))
                continue
            seq += 1
            if isinstance(item, TurnStarted):
                turn = f"t{seq}"
            event = replace(item, seq=seq, ts=item.ts or ts, turn=turn)  # what is imported keeps its time
            if isinstance(item, TurnEnded):
                turn = None
            stamped.append(event)
            outgoing.append((event, encode(event)))
        return stamped, outgoing

    def _checkpoint(self, after: SessionState, events: Sequence[JournalEvent]) -> Checkpoint | None:
        is_due = after.head - self._checkpoint_head >= CHECKPOINT_EVERY
        if is_due or any(isinstance(event, TurnEnded) for event in events):
            return Checkpoint(after.head, encode(after))
        return None

    def reopen(self, unfinished: bytes) -> None:
        """Take up what was being written when the node was killed: the end of its turn makes it durable."""
        if self.state.turn is not None:
            self._open.restored(_decode_deltas(unfinished))

    def _keep_unfinished(self, deltas: list[Delta]) -> None:
        """While an append is under way it is not known what will still be open: then at the next occasion."""
        if not self._is_appending and self._ended is None:
            self._journals.keep_unfinished(self._number, encode(deltas))

    def _publish_delta(self, delta: Delta) -> None:
        if self._watchers:
            self._publish(encode(delta))

    def _publish(self, body: bytes) -> None:
        for watcher in self._watchers:
            watcher.offer(body)


def _all_fitted(items: Sequence[JournalEvent | Delta]) -> Iterator[JournalEvent | Delta]:
    for item in items:
        if isinstance(item, Delta):
            yield item
        else:
            yield from fitted(item)


def _name(event: JournalEvent) -> tuple[NameKind, str] | None:
    match event:
        case PromptQueued():
            return "prompt", event.message_id
        case ApprovalRequested():
            return "asked", event.approval
        case ApprovalResolved():
            return "answered", event.approval
        case _:
            return None
