"""What people keep on Main, told to all their devices; and whether a session has news for somebody."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import structlog

from main.auth.access import Principal
from main.registry.link import NodeLink
from main.relay.allowance import Allowance
from main.store.personal import MAX_MARKS, Looked, PersonalRows, Place
from ws.protocol.base import NodeId, SessionId, UserId, now
from ws.protocol.errors import WireError
from ws.protocol.personal import MAX_SEQ, Draft, Mark, PersonalEvent, PersonalResult, PersonalSetting
from ws.protocol.sessions import SessionSummary
from ws.rpc import Detach, EventSink, Feed
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

BURST, PER_S = 600.0, 30.0
"""Changes of one person, on all devices together. A page that was offline brings some hundred marks at once."""

UNIT_BYTES = 16 * 1024
"""A long text counts as one more change for each of these, so all drafts together are at most half a MiB a second."""

_encode = msgspec.json.encode


@dataclass(frozen=True, eq=False)
class _Reader:
    sink: EventSink
    principal: Principal


@dataclass(eq=False)
class Person:
    """How far somebody has looked. `marks` in the order in which they were touched; `since` as in `looked_since`.

    `version` counts what was told to the readers.
    """

    user: UserId
    since: str
    marks: dict[Place, Looked]
    readers: set[_Reader] = field(default_factory=set)
    version: int = 0
    unwritten: dict[Place, Looked] = field(default_factory=dict)
    is_writing: bool = False
    allowance: Allowance = field(default_factory=lambda: Allowance(BURST, PER_S))

    def is_unread(self, session: SessionSummary) -> bool:
        """Whether there is news that this person has not looked at. A node that tells no news says it itself."""
        if session.news == 0:
            return session.unread
        looked = self.marks.get((NodeId(session.node), SessionId(session.id)))
        if looked is not None:
            return session.news > looked.seq
        return session.unread or session.updated > self.since

    def look(self, place: Place, seq: int) -> bool:
        """Note it; False when the mark is there or further already. The longest untouched beyond the bound goes."""
        before = self.marks.get(place)
        if before is not None and before.seq >= seq:
            return False
        self.marks.pop(place, None)
        self.marks[place] = Looked(min(seq, MAX_SEQ), now())
        if len(self.marks) > MAX_MARKS:
            oldest = next(iter(self.marks))
            self.since = max(self.since, self.marks.pop(oldest).touched)
        return True

    def tell(self, event: PersonalEvent, node: str | None) -> None:
        self.version += 1
        encoded = _encode(event)
        for reader in list(self.readers):
            if sees(reader.principal, node):
                reader.sink.offer(encoded)


class Personal:
    """Everybody who has called since the start, their marks in memory: a list of sessions asks for each row."""

    def __init__(self, rows: PersonalRows) -> None:
        self.on_mark: Callable[[Place, UserId], None] = lambda place, user: None
        """Told when somebody has looked further."""
        self._rows = rows
        self._people: dict[UserId, Person] = {}
        self._tasks = TaskOwner("personal")
        self._is_closed = False
        self._flipped: tuple[SessionSummary, SessionSummary] | None = None

    async def person(self, user: UserId) -> Person:
        """Read once, then remembered."""
        known = self._people.get(user)
        if known is None:
            since, marks = await self._rows.looked(user)
            # Somebody else may have read the same meanwhile, and marked since.
            known = self._people.setdefault(user, Person(user, since, marks))
        return known

    def seen_by(self, user: str, session: SessionSummary) -> SessionSummary:
        """The row as this person sees it. It is that object or one other, so readers share two encodings."""
        person = self._people.get(UserId(user))
        if person is None or person.is_unread(session) == session.unread:
            return session
        if self._flipped is None or self._flipped[0] is not session:
            self._flipped = session, msgspec.structs.replace(session, unread=not session.unread)
        return self._flipped[1]

    async def watch(self, principal: Principal) -> Feed:
        """A feed of `my.watch`."""
        person = await self.person(principal.user)
        version = person.version
        drafts, settings = await self._rows.drafts(person.user), await self._rows.settings(person.user)
        result = PersonalResult(
            marks=[
                Mark(node=node, session=session, seq=looked.seq)
                for (node, session), looked in person.marks.items()
                if sees(principal, node)
            ],
            drafts=[draft for draft in drafts if sees(principal, node_of(draft.key))],
            settings=settings if sees(principal, None) else [],
        )

        def attach(sink: EventSink) -> Detach:
            if person.version != version:
                sink.lag()  # something has changed since it was read: asking again is simpler than telling what
            reader = _Reader(sink, principal)
            person.readers.add(reader)
            return lambda: person.readers.discard(reader)

        return Feed(_encode(result), attach)

    async def mark(self, user: UserId, place: Place, seq: int) -> None:
        """Somebody says that they have looked; on disk when this returns. Raises WireError `rate_limited`."""
        person = await self.person(user)
        person.allowance.take(1)
        if self._look(person, place, seq):
            await self._rows.mark(user, {place: person.marks[place]}, person.since)

    async def acted(self, user: UserId, place: Place, seq: int) -> None:
        """Who acts has looked. Written soon: nobody waits for it."""
        person = await self.person(user)
        if self._look(person, place, seq):
            person.unwritten[place] = person.marks[place]
            if not person.is_writing and not self._is_closed:
                person.is_writing = True
                _ = self._tasks.start(self._write(person), name="write marks")

    async def keep_draft(self, user: UserId, draft: Draft) -> None:
        """On disk when this returns. Raises WireError `rate_limited`."""
        person = await self.person(user)
        person.allowance.take(1 + len(draft.text) / UNIT_BYTES)
        for gone in await self._rows.put_draft(user, draft):
            person.tell(Draft(key=gone, text=""), node_of(gone))
        person.tell(draft, node_of(draft.key))

    async def keep_setting(self, user: UserId, setting: PersonalSetting) -> None:
        """On disk when this returns. Raises WireError `rate_limited`."""
        person = await self.person(user)
        person.allowance.take(1)
        for gone in await self._rows.put_setting(user, setting):
            person.tell(PersonalSetting(name=gone, value=None), None)
        person.tell(setting, None)

    async def sessions_gone(self, places: Sequence[Place]) -> None:
        """Sessions were deleted: marks and drafts go with them."""
        for person in self._people.values():
            for place in places:
                person.marks.pop(place, None)
        for user, key in await self._rows.unmark(places) if places else []:
            person = await self.person(user)
            person.tell(Draft(key=key, text=""), node_of(key))

    def forget(self, user: UserId) -> None:
        """The account is gone, and its rows with it."""
        self._people.pop(user, None)

    def node_online(self, link: NodeLink) -> None:
        """Nothing to do."""

    def node_offline(self, node: NodeId) -> None:
        """Nothing to do either."""

    def node_removed(self, node: NodeId) -> None:
        """Another machine may take its id."""
        for person in self._people.values():
            for place in [each for each in person.marks if each[0] == node]:
                del person.marks[place]

    async def close(self) -> None:
        """Write what nobody waits for, as far as the disk takes it."""
        self._is_closed = True
        await self._tasks.close(timeout_s=1.0)
        for person in self._people.values():
            await self._write(person)

    def _look(self, person: Person, place: Place, seq: int) -> bool:
        if not person.look(place, seq):
            return False
        person.tell(Mark(node=place[0], session=place[1], seq=seq), place[0])
        self.on_mark(place, person.user)
        return True

    async def _write(self, person: Person) -> None:
        try:
            while person.unwritten:
                marks, person.unwritten = person.unwritten, {}
                await self._rows.mark(person.user, marks, person.since)
        except WireError as error:
            log.warning("marks_not_written", user=person.user, reason=error.detail)
        finally:
            person.is_writing = False


def sees(principal: Principal, node: str | None) -> bool:
    """Whether what somebody keeps is for this caller of theirs: API tokens of single nodes see what is about these."""
    if node is None:
        return principal.token is None or principal.token.nodes is None
    return principal.sees(node)


def node_of(key: str) -> str | None:
    """The node of a draft, None for one of a session to be."""
    node, slash, _ = key.partition("/")
    return node if slash else None
