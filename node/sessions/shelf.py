"""Every session of the node, in memory: found at start, added, looked at, removed."""

import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import msgspec
import structlog
from msgspec.structs import replace

from node.sessions.clocks import Rules
from node.sessions.fold import empty_state, fold
from node.sessions.host import Staff
from node.sessions.journal import Appended, Journal, decode_event
from node.sessions.listing import Listing, summary
from node.sessions.session import Session
from node.sessions.turns import NODE
from node.store.journals import Journals, Stored
from ws.protocol.base import NodeId, SessionId
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import JournalEvent, Notice, SessionStarted
from ws.protocol.sessions import SessionState, SessionSummary

log = structlog.get_logger(__name__)

LOST = (
    "This machine's disk has lost the last {events} events of this session, which had been written: what the agent did"
    " then is not shown here. Check the disk."
)


@dataclass
class Shelved:
    """`seen` is the `seq` up to which somebody has looked or acted."""

    number: int
    session: Session
    seen: int

    @property
    def is_unread(self) -> bool:
        state = self.session.state
        return state.turn is None and state.head > self.seen

    @property
    def summary(self) -> SessionSummary:
        return summary(self.session.state, self.is_unread)


class Shelf:
    """`staff` and `rules` give a session of an agent what it works with."""

    def __init__(
        self,
        node: NodeId,
        journals: Journals,
        listing: Listing,
        *,
        staff: Callable[[str], Staff],
        rules: Callable[[str], Rules],
    ) -> None:
        self._node = node
        self._journals = journals
        self._listing = listing
        self._staff = staff
        self._rules = rules
        self._shelved: dict[SessionId, Shelved] = {}

    async def load(self) -> None:
        """Read what the disk holds. A session whose journal cannot be read is left where it is, and logged."""
        for stored in await self._journals.load():
            try:
                state = _folded(stored, self._node)
            except msgspec.DecodeError as error:
                log.warning("journal_unreadable", session=stored.id, reason=str(error))
                continue
            if state.head == 0:
                await self._journals.delete(stored.number)  # the node died while it was being created
                continue
            lost = max(0, stored.handed_out - state.head)
            if lost or self._journals.is_doubtful:
                # Readers may have seen other events under the numbers that come next.
                state = replace(state, epoch=secrets.token_urlsafe(8))
                await self._journals.renew(stored.number, state.epoch)
            shelved = self._put(stored.number, state, stored.seen, state.provider)
            if stored.unfinished is not None and not lost:
                shelved.session.journal.reopen(stored.unfinished)
            if lost:
                log.error("events_lost", session=stored.id, events=lost, after=state.head)
                notice = Notice(level="error", code="events_lost", text=LOST.format(events=lost))
                _ = await shelved.session.journal.append([notice])
        if lost_sessions := await self._journals.settled():
            log.error("sessions_lost", sessions=lost_sessions)

    async def add(self, started: SessionStarted) -> Shelved:
        """A new session."""
        session, epoch = SessionId(secrets.token_urlsafe(12)), secrets.token_urlsafe(8)
        number = await self._journals.create(session, epoch)
        shelved = self._put(number, empty_state(session, self._node, epoch), 1, started.provider)
        try:
            await shelved.session.note([started])
        except WireError:
            del self._shelved[session]
            raise
        return shelved

    async def add_with_past(
        self, session: SessionId, epoch: str, started: SessionStarted, past: AsyncIterator[list[JournalEvent]]
    ) -> Shelved:
        """A new session whose journal begins with `started` and `past`. When it cannot be written there is none."""
        number = await self._journals.create(session, epoch, is_filling=True)
        journal = Journal(
            self._journals, number, empty_state(session, self._node, epoch), on_appended=lambda appended: None
        )
        try:
            await journal.append([started])
            async for events in past:
                await journal.append(events)
            await self._journals.filled(number, journal.state.head)
        except BaseException:
            await self._journals.delete(number)
            raise
        shelved = self._put(number, journal.state, journal.state.head, started.provider)
        self._listing.put(shelved.summary)
        return shelved

    def has(self, session: str) -> bool:
        """Whether it is one of ours."""
        return SessionId(session) in self._shelved

    def natives(self) -> set[tuple[str, str]]:
        """The agents' own sessions with which ours go on: provider and native id."""
        states = (each.session.state for each in self._shelved.values())
        return {(state.provider, state.native_id) for state in states if state.native_id is not None}

    def sessions(self) -> list[Session]:
        """All, in no order."""
        return [each.session for each in self._shelved.values()]

    def check_not_open(self, native: tuple[str, str]) -> None:
        """Raises `conflict` when one of ours goes on with this agent's session."""
        for session in self.sessions():
            state = session.state
            if (state.provider, state.native_id) == native:
                raise WireError(
                    ErrorCode.CONFLICT,
                    f"This agent session is open already as {state.title or state.id!r}; two agents on it would"
                    " overwrite each other.",
                )

    def get(self, session: str) -> Shelved:
        """Raises not_found."""
        shelved = self._shelved.get(SessionId(session))
        if shelved is None or shelved.session.state.head == 0:
            raise WireError(ErrorCode.NOT_FOUND, "There is no such session on this machine.")
        return shelved

    def all(self) -> list[Shelved]:
        """The most recently changed first."""
        found = [each for each in self._shelved.values() if each.session.state.head > 0]
        return sorted(found, key=lambda each: each.session.state.updated, reverse=True)

    def look(self, shelved: Shelved) -> None:
        """Somebody looks at the session now."""
        was_unread = shelved.is_unread
        self._seen(shelved)
        if was_unread:
            self._listing.put(shelved.summary)

    async def remove(self, shelved: Shelved) -> None:
        """Delete a session with its journal and end its agent."""
        state = shelved.session.state
        await shelved.session.delete()
        if self._shelved.pop(SessionId(state.id), None) is not None:  # else somebody was faster
            self._listing.removed(state)

    def _put(self, number: int, state: SessionState, seen: int, provider: str) -> Shelved:
        def appended(change: Appended) -> None:
            shelved.session.after_append(change)
            was_unread = change.before.turn is None and change.before.head > shelved.seen
            if shelved.session.journal.is_watched or any(map(_is_act, change.events)):
                self._seen(shelved)
            self._listing.changed(change, was_unread=was_unread, is_unread=shelved.is_unread)

        journal = Journal(self._journals, number, state, on_appended=appended)
        session = Session(journal, self._staff(provider), self._rules(provider))
        shelved = Shelved(number, session, seen)
        self._shelved[SessionId(state.id)] = shelved
        return shelved

    def _seen(self, shelved: Shelved) -> None:
        state = shelved.session.state
        is_new, shelved.seen = state.head > shelved.seen, state.head
        if is_new and state.turn is None:
            self._journals.set_seen(shelved.number, shelved.seen)


def _is_act(event: JournalEvent) -> bool:
    """Whether a person did this; who acts has seen."""
    return getattr(event, "by", None) not in {None, NODE}


def _folded(stored: Stored, node: NodeId) -> SessionState:
    state = empty_state(stored.id, node, stored.epoch)
    if stored.checkpoint is not None:
        state = msgspec.json.decode(stored.checkpoint.state, type=SessionState)
    tail: list[JournalEvent] = [decode_event(body) for body in stored.tail]
    # The state that was written with a checkpoint may be of an epoch that is over.
    return fold(replace(state, epoch=stored.epoch), tail)
