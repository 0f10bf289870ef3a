"""Sessions of ours that somebody goes on with in a terminal: their journals follow the transcripts."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import structlog

from node.sessions.native.continued import TYPES, missing, read_mark
from node.sessions.native.following import go_on
from node.sessions.native.library import LIST_DEADLINE_S, Providers
from node.sessions.session import Session
from providers.base import NativeHistory, NativeSession, ProviderFailed
from ws.defects import log_defect
from ws.protocol.errors import WireError
from ws.protocol.events import JournalEvent
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

CALM_S = 1.0
"""Between two looks at changing transcripts."""
WRITTEN_S = 0.25
"""So long after its turn an agent still writes (Claude: 0.1 s); no other one starts and ends a turn meanwhile."""
OPEN_S = 2.0
"""Between two looks while a program has one of them open: that it has ended changes no transcript."""

JOIN_S = 60.0
"""For a reader to come to the end of a journal: from then on the journal knows that it is watched."""

_Seen = tuple[str, str, bool]


class Elsewhere:
    """`sessions` are ours."""

    def __init__(self, providers: Providers, owner: TaskOwner, sessions: Callable[[], Iterable[Session]]) -> None:
        self._providers = providers
        self._owner = owner
        self._sessions = sessions
        self._seen: dict[str, _Seen] = {}
        self._looking: set[str] = set()
        self._following: set[str] = set()
        self._joining: dict[str, float] = {}

    def look(self, session: Session) -> None:
        """Begin to catch up; what is found is appended while readers read."""
        if self._history(session) is not None and session.state.id not in self._looking:
            self._looking.add(session.state.id)
            _ = self._owner.start(self._look(session), name=f"catch up {session.state.id}")

    def follow(self, session: Session) -> None:
        """As `look`, and again with every change as long as somebody watches a session of this agent."""
        self.look(session)
        provider = session.state.provider
        history = self._history(session)
        self._joining[session.state.id] = asyncio.get_running_loop().time() + JOIN_S
        if history is not None and provider not in self._following:
            self._following.add(provider)
            _ = self._owner.start(self._follow(provider, history), name=f"follow {provider}")

    async def catch_up(self, session: Session, *, is_final: bool = False) -> None:
        """Return when the journal has what can be found. `is_final`: the session goes on here now.

        What cannot be read is left, and logged.
        """
        history, native_id = self._history(session), session.state.native_id
        if history is None or native_id is None or session.state.turn is not None:
            return
        try:
            async with asyncio.timeout(LIST_DEADLINE_S):
                native = await history.session(native_id)
            if native is not None:
                await self._take_in(session, history, native, is_final=is_final)
        except (TimeoutError, ProviderFailed, OSError, WireError, KeyError) as error:
            log.warning("not_caught_up", session=session.state.id, reason=str(error) or "took too long")
        except Exception as error:  # noqa: BLE001 (a defect in reading a transcript must not keep a prompt from its agent)
            _ = log_defect("not_caught_up", error, session=session.state.id)

    async def _look(self, session: Session) -> None:
        try:
            await self.catch_up(session)
        finally:
            self._looking.discard(session.state.id)

    async def _take_in(
        self, session: Session, history: NativeHistory, native: NativeSession, *, is_final: bool
    ) -> None:
        seen = (native.native_id, native.updated, native.is_running)
        if not is_final and self._seen.get(session.state.id) == seen:
            return
        if session.has_agent and _is_up_to(session.turn_ended, native.updated):
            return  # nobody but our own agent has written

        async def read() -> Sequence[JournalEvent]:
            state = session.state
            if state.native_id != native.native_id or state.resume_at is not None:
                return []  # what goes on from a point of the past does not know of what comes behind it
            marks = await session.journal.marks(TYPES, read_mark)
            transcript = await history.transcript(native.native_id)
            return await asyncio.to_thread(
                missing,
                marks,
                transcript,
                history.prompt_name,
                is_open=native.is_running,
                is_final=is_final,
                is_copied=state.forked_from is not None,
            )

        if await session.take_in(read):
            self._seen[session.state.id] = seen

    async def _follow(self, provider: str, history: NativeHistory) -> None:
        async def look() -> bool:
            """Whether a program has one of them open."""
            is_open = False
            for session in self._watched(provider):
                if session.state.turn is None and session.state.native_id is not None:
                    await self.catch_up(session)
                    is_open |= self._seen.get(session.state.id, ("", "", False))[2]
            return is_open

        async def round_of() -> None:
            # Listening begins before looking, so that no change falls between the two.
            change = self._owner.start(history.changed(), name=f"changes {provider}")
            try:
                is_open = await look()
                _ = await asyncio.wait({change}, timeout=OPEN_S if is_open else None)
            finally:
                change.cancel()
            await asyncio.sleep(CALM_S)

        try:
            await go_on(round_of, f"sessions of {provider}", lambda: bool(self._watched(provider)))
        finally:
            self._following.discard(provider)

    def _watched(self, provider: str) -> list[Session]:
        now = asyncio.get_running_loop().time()
        self._joining = {name: until for name, until in self._joining.items() if until > now}
        return [
            each
            for each in self._sessions()
            if each.state.provider == provider and (each.journal.is_watched or each.state.id in self._joining)
        ]

    def _history(self, session: Session) -> NativeHistory | None:
        found = self._providers.get(session.state.provider)
        history = None if found is None else found.history
        return history if history is not None and history.is_followed else None


def _is_up_to(turn_ended: str, updated: str) -> bool:
    """Whether the last writing can be that of the turn that ended then."""
    try:
        behind = datetime.fromisoformat(updated) - datetime.fromisoformat(turn_ended)
    except ValueError:
        return False
    return behind.total_seconds() <= WRITTEN_S
