"""The sessions of this node: everything that `session.*` does. Knows no sockets."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from node.sessions.actor import Staff
from node.sessions.clocks import Rules
from node.sessions.export import export
from node.sessions.forking import branch, copied
from node.sessions.listing import Listing
from node.sessions.modes import ModePolicy
from node.sessions.shelf import Shelf
from node.sessions.watch import watch
from node.store.journals import Journals
from node.store.processes import AgentProcesses
from providers.base import ProcessRecorder, Provider, ProviderFailed
from providers.process import end_family
from ws.protocol import sessions
from ws.protocol.base import NodeId, SessionId, Struct
from ws.protocol.errors import ErrorCode, FieldError, WireError
from ws.protocol.events import Archived, JournalEvent, ModeChanged, ModelChanged, SessionStarted, TitleChanged
from ws.protocol.providers import Mode, ProviderInfo
from ws.rpc import Feed
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)


class Catalog(Protocol):
    """The agents of this node."""

    def get(self, provider: str) -> Provider | None: ...

    async def describe(self) -> list[ProviderInfo]: ...


@dataclass(frozen=True)
class Patience:
    """`approval_timeout_s`: an unanswered approval is then denied; `idle_timeout_s`: an idle agent is then ended."""

    approval_timeout_s: float = 86400.0
    idle_timeout_s: float = 900.0


@dataclass(frozen=True)
class Folder:
    """`sessions` counts those that are not archived; `last_used` is when the newest one changed."""

    path: str
    sessions: int
    last_used: str


class EventsPage(Struct, frozen=True, kw_only=True):
    """`SessionEventsResult` with the events as they lie on disk."""

    epoch: str
    events: list[msgspec.Raw]
    head: int


class SessionService:
    """`resolve_directory` is the fence: the real path of a folder that sessions may work in, or WireError.

    `patience` is by provider; those that are not named have the defaults. `by` is how journals name the person.
    """

    def __init__(
        self,
        node: NodeId,
        journals: Journals,
        processes: AgentProcesses,
        catalog: Catalog,
        *,
        resolve_directory: Callable[[str], Awaitable[Path]],
        modes: ModePolicy,
        patience: Mapping[str, Patience],
    ) -> None:
        self._node = node
        self._processes = processes
        self._catalog = catalog
        self._resolve_directory = resolve_directory
        self._modes = modes
        self._patience = patience
        self._owner = TaskOwner("sessions")
        self._listing = Listing()
        self._shelf = Shelf(node, journals, self._listing, staff=self._staff, rules=self._rules)

    async def start(self) -> None:
        """End leftover agents, load the journals, end the turns that were running, go on with what waits."""
        for process in await self._processes.all():
            if await end_family(process):
                log.info("leftover_agent_ended", pid=process.pid)
            self._processes.remove(process)
        await self._shelf.load()
        for shelved in self._shelf.all():
            await shelved.session.recover()

    async def stop(self) -> None:
        """End all agents at the same time; every running turn is ended in its journal."""
        async with asyncio.TaskGroup() as group:
            for shelved in self._shelf.all():
                _ = group.create_task(shelved.session.stop(), name=f"stop {shelved.session.state.id}")
        await self._owner.close()

    async def providers(self) -> list[ProviderInfo]:
        """What the page offers for a new session."""
        return await self._catalog.describe()

    async def create(self, params: sessions.SessionCreateParams) -> sessions.SessionSummary:
        """Begin a session. The agent itself is started by the first prompt."""
        path = await self._resolve_directory(params.path)
        info = await self._available(params.provider)
        if params.mode is not None:
            self._modes.check(info.modes, params.mode)
        if params.resume is not None:
            self._check_not_open(params.provider, params.resume)
        started = SessionStarted(
            provider=params.provider,
            path=str(path),
            model=params.model,
            effort=params.effort,
            mode=params.mode or self._modes.first(info.modes),
            title=params.title,
            native_id=params.resume,
        )
        return (await self._shelf.add(started)).summary

    def matching(self, params: sessions.SessionListParams) -> list[sessions.SessionSummary]:
        """The sessions that match, the most recently changed first."""
        rows = [shelved.summary for shelved in self._shelf.all()]
        query = (params.query or "").casefold()
        return [
            row
            for row in rows
            if (params.archived or not row.archived)
            and params.path in {None, row.path}
            and (query in row.title.casefold() or query in row.path.casefold())
        ]

    def folders(self) -> list[Folder]:
        """Every folder with sessions, by path."""
        found: dict[str, Folder] = {}
        for shelved in self._shelf.all():  # the newest first
            state = shelved.session.state
            known = found.get(state.path, Folder(state.path, 0, state.updated))
            found[state.path] = replace(known, sessions=known.sessions + (not state.archived))
        return list(found.values())

    def get(self, session: str) -> sessions.SessionState:
        """The state at the head."""
        shelved = self._shelf.get(session)
        return msgspec.structs.replace(shelved.session.state, unread=shelved.is_unread)

    async def update(self, params: sessions.SessionUpdateParams, by: str) -> sessions.SessionSummary:
        """Change what is given. The agent is asked first: what it refuses is not journalled."""
        shelved = self._shelf.get(params.session)
        state = shelved.session.state
        if params.mode is not None:
            self._modes.check((await self._available(state.provider)).modes, params.mode)
        model = state.model if params.model is None else params.model
        # Another model has its own efforts.
        effort = params.effort or (state.effort if model == state.model else None)
        with _agent_asked():
            await shelved.session.set_agent(mode=params.mode, model=model, effort=effort)
        events: list[JournalEvent] = []
        if params.title not in {None, state.title}:
            events.append(TitleChanged(title=params.title or "", by=by))
        if (model, effort) != (state.model, state.effort):
            events.append(ModelChanged(model=model, effort=effort, by=by))
        if params.mode is not None and params.mode != shelved.session.state.mode:
            events.append(ModeChanged(mode=params.mode, by=by))
        if params.archived is not None and params.archived != state.archived:
            events.append(Archived(archived=params.archived, by=by))
        await shelved.session.note(events)
        return shelved.summary

    async def delete(self, session: str) -> None:
        """End the agent and remove the journal; the agent's own transcript stays."""
        await self._shelf.remove(self._shelf.get(session))

    async def send(self, params: sessions.SessionSendParams, by: str) -> sessions.SessionSendResult:
        """Journal a prompt. Raises WireError; nothing was journalled then."""
        return await self._shelf.get(params.session).session.send(params, by)

    async def queue(self, params: sessions.SessionQueueParams, by: str) -> sessions.SessionQueueResult:
        """Show or change what waits."""
        state = await self._shelf.get(params.session).session.queue(params, by)
        return sessions.SessionQueueResult(queue=state.queue, held=state.queue_held)

    async def interrupt(self, params: sessions.SessionInterruptParams, by: str) -> bool:
        """False when no turn runs."""
        return await self._shelf.get(params.session).session.interrupt(hold_queue=params.hold_queue, by=by)

    async def answer(self, params: sessions.SessionAnswerParams, by: str) -> int:
        """`seq` of the answer. Raises `conflict` with the winner when somebody was faster."""
        return await self._shelf.get(params.session).session.answer(params, by)

    async def fork(self, params: sessions.SessionForkParams) -> sessions.SessionSummary:
        """Begin a new session with the past of this one; the agent itself forks with the first prompt."""
        session = self._shelf.get(params.session).session
        info = await self._with_feature(session.state.provider, "fork", "cannot fork a session: begin a new one")
        mode = session.state.mode
        if mode is None or not self._modes.is_allowed(info.modes, mode):
            mode = self._modes.first(info.modes)
        made = branch(session.state, await session.journal.past(), params, mode)
        new = SessionId(secrets.token_urlsafe(12)), secrets.token_urlsafe(8)
        return (await self._shelf.add_with_past(*new, made.started, copied(session.journal, made.turns))).summary

    async def rewind(self, params: sessions.SessionRewindParams, by: str) -> sessions.SessionRewindResult:
        """Go back to before a prompt."""
        shelved = self._shelf.get(params.session)
        remedy = "cannot go back: begin a new session, and restore files through Git"
        await self._with_feature(shelved.session.state.provider, "rewind", remedy)
        with _agent_asked():
            went = await shelved.session.rewind(params, by)
        return sessions.SessionRewindResult(session=shelved.summary, files=list(went.files))

    async def stop_task(self, params: sessions.SessionStopTaskParams) -> None:
        """Stop something that the agent left running."""
        session = self._shelf.get(params.session).session
        try:
            with _agent_asked():
                await session.stop_task(params.task)
        except KeyError:
            raise WireError(ErrorCode.NOT_FOUND, "The agent has no such task running any more.") from None

    async def events(self, params: sessions.SessionEventsParams) -> EventsPage:
        """A page of the journal."""
        journal = self._shelf.get(params.session).session.journal
        if params.before is not None and params.after is not None:
            raise WireError(
                ErrorCode.INVALID,
                "`after` and `before` exclude each other.",
                errors=[FieldError(path="params.before", message="not together with `after`")],
            )
        if params.before is not None:
            bodies = await journal.page_before(params.before, params.limit)
        else:
            bodies = await journal.page(params.after or 0, params.limit)
        state = journal.state
        return EventsPage(epoch=state.epoch, events=[msgspec.Raw(body) for body in bodies], head=state.head)

    async def export(self, params: sessions.SessionExportParams) -> sessions.SessionExportResult:
        """A part of the journal as a document."""
        journal = self._shelf.get(params.session).session.journal
        bodies = await journal.page(params.after)
        return await asyncio.to_thread(export, journal.state, bodies, params.after, params.format)

    def watch(self, params: sessions.SessionWatchParams) -> tuple[sessions.SessionWatchResult, AsyncIterator[bytes]]:
        """Where the stream begins, and the stream; see `watch`."""
        shelved = self._shelf.get(params.session)
        self._shelf.look(shelved)
        journal = shelved.session.journal
        result = sessions.SessionWatchResult(epoch=journal.state.epoch, head=journal.state.head)
        return result, watch(journal, params.after, params.epoch)

    def sessions_feed(self) -> Feed:
        """Every session, also archived ones, then each change."""
        return self._listing.sessions_feed([shelved.summary for shelved in self._shelf.all()])

    def inbox_feed(self) -> Feed:
        """Pending approvals, then changes and ended turns."""
        return self._listing.inbox_feed((shelved.summary, shelved.session.state) for shelved in self._shelf.all())

    def _staff(self, provider: str) -> Staff:
        recorder = ProcessRecorder(started=self._processes.add, ended=self._processes.remove)
        return Staff(lambda: self._provider(provider), recorder, self._owner)

    def _rules(self, provider: str) -> Rules:
        patience = self._patience.get(provider, Patience())

        async def is_mode_allowed(mode: str) -> bool:
            return self._modes.is_allowed(await self._known_modes(provider), mode)

        return Rules(patience.approval_timeout_s, patience.idle_timeout_s, is_mode_allowed)

    def _provider(self, provider: str) -> Provider:
        found = self._catalog.get(provider)
        if found is None:
            raise ProviderFailed(
                f"This machine has no agent {provider!r} any more: enable providers.{provider} in its configuration."
            )
        return found

    async def _known_modes(self, provider: str) -> list[Mode]:
        found = self._catalog.get(provider)
        return [] if found is None else (await found.describe()).modes

    async def _available(self, provider: str) -> ProviderInfo:
        found = self._catalog.get(provider)
        if found is None:
            raise WireError(
                ErrorCode.NOT_FOUND,
                f"This machine has no agent {provider!r}; providers.list names those it has.",
            )
        # A session that is wanted waits for its agent: "still starting" is an answer for lists only.
        info = await found.describe(is_awaited=True)
        if not info.available:
            raise WireError(ErrorCode.PROVIDER_FAILED, info.reason or f"{info.name} is not available.")
        return info

    async def _with_feature(self, provider: str, feature: str, lack: str) -> ProviderInfo:
        info = await self._available(provider)
        if feature not in info.features:
            raise WireError(ErrorCode.UNSUPPORTED, f"{info.name} {lack}.")
        return info

    def _check_not_open(self, provider: str, native_id: str) -> None:
        for shelved in self._shelf.all():
            state = shelved.session.state
            if (state.provider, state.native_id) == (provider, native_id):
                raise WireError(
                    ErrorCode.CONFLICT,
                    f"This agent session is open already as {state.title or state.id!r}; two agents on it would"
                    " overwrite each other.",
                )


@contextmanager
def _agent_asked() -> Iterator[None]:
    """What an agent raises, as whoever asked gets it."""
    try:
        yield
    except ProviderFailed as error:
        raise WireError(ErrorCode.PROVIDER_FAILED, str(error)) from error
    except TimeoutError as error:
        raise WireError(ErrorCode.TIMEOUT, "The agent did not react; try again.", retryable=True) from error
