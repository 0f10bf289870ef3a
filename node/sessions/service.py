"""The sessions of this node: everything that `session.*` does. Knows no sockets."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from node.sessions.asking import agent_asked
from node.sessions.attachments import check
from node.sessions.clocks import Rules
from node.sessions.export import export
from node.sessions.forking import begun, branch
from node.sessions.host import Staff
from node.sessions.journal import Journal
from node.sessions.listing import Listing, matching, page_of
from node.sessions.modes import ModePolicy
from node.sessions.native.elsewhere import Elsewhere
from node.sessions.native.library import Found, Library, as_native, batches
from node.sessions.native.library import row as native_row
from node.sessions.pages import EventsPage, events_page
from node.sessions.shelf import Shelf, Shelved
from node.sessions.watch import watch
from node.store.hidden import HiddenNatives
from node.store.journals import Journals
from node.store.processes import AgentProcesses
from providers.base import ProcessRecorder, Provider, ProviderFailed
from providers.process import end_family
from ws.protocol import sessions
from ws.protocol.base import NodeId, SessionId
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import Archived, JournalEvent, ModeChanged, ModelChanged, SessionStarted, TitleChanged
from ws.protocol.providers import Mode, ProviderInfo
from ws.rpc import Feed
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)


class Catalog(Protocol):
    """The agents of this node."""

    @property
    def ids(self) -> list[str]: ...

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
        hidden: HiddenNatives,
        resolve_directory: Callable[[str], Awaitable[Path]],
        allows: Callable[[Path], bool],
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
        self._library = Library(node, catalog, hidden, self._owner, ours=self._shelf.natives, allows=allows)
        self._elsewhere = Elsewhere(catalog, self._owner, self._shelf.sessions)
        self._taking_over = asyncio.Lock()

    async def start(self) -> None:
        """End leftover agents, load the journals, end the turns that were running, go on with what waits."""
        for process in await self._processes.all():
            if await end_family(process):
                log.info("leftover_agent_ended", pid=process.pid)
            self._processes.remove(process)
        await self._shelf.load()
        await self._library.start()
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
            self._shelf.check_not_open((params.provider, params.resume))
            found = await self._library.by_native_id(params.provider, params.resume)
            if found is not None:
                return (await self._taken_over(found, params.mode)).summary
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

    async def listed(self, params: sessions.SessionListParams) -> sessions.SessionListResult:
        """A page of the sessions that match, those of the agents' own among them."""
        rows = [shelved.summary for shelved in self._shelf.all()]
        if params.native:
            natives = [native_row(found, self._node) for found in await self._library.all()]
            rows += [each for each in natives if not self._shelf.has(each.id)]
        return page_of(matching(rows, params), params)

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
        if params.mode is not None:
            provider = (await self.state(params.session)).provider
            self._modes.check((await self._available(provider)).modes, params.mode)
        shelved = await self._ours(params.session)
        state = shelved.session.state
        model = state.model if params.model is None else params.model
        # Another model has its own efforts.
        effort = params.effort or (state.effort if model == state.model else None)
        with agent_asked():
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
        """End the agent and remove the journal, or hide a session of the agent's own; its transcript stays."""
        if not self._shelf.has(session):
            return await self._library.hide((await self._library.get(session)).key)
        shelved = self._shelf.get(session)
        state = shelved.session.state
        if state.native_id is not None:  # or it would be back at once as the agent's own
            await self._library.hide((state.provider, state.native_id))
        return await self._shelf.remove(shelved)

    async def send(self, params: sessions.SessionSendParams, by: str) -> sessions.SessionSendResult:
        """Journal a prompt. Raises WireError; nothing was journalled then."""
        check(params.attachments)
        session = (await self._ours(params.session)).session
        state = session.state
        if state.native_id is not None and not await session.has_prompt(params.message_id):
            await self._elsewhere.catch_up(session, is_final=True)
            if not session.has_agent:  # the one that would be opened would be the second on it
                await self._library.check_free((state.provider, state.native_id))
        return await session.send(params, by)

    async def queue(self, params: sessions.SessionQueueParams, by: str) -> sessions.SessionQueueResult:
        """Show or change what waits."""
        if params.action == "list" and not self._shelf.has(params.session):
            await self._library.get(params.session)
            return sessions.SessionQueueResult(queue=[], held=False)
        session = (await self._ours(params.session)).session
        if params.action == "release":
            await self._elsewhere.catch_up(session, is_final=True)
        state = await session.queue(params, by)
        return sessions.SessionQueueResult(queue=state.queue, held=state.queue_held)

    async def interrupt(self, params: sessions.SessionInterruptParams, by: str) -> bool:
        """False when no turn runs."""
        if not self._shelf.has(params.session):
            await self._library.get(params.session)
            return False
        return await self._shelf.get(params.session).session.interrupt(hold_queue=params.hold_queue, by=by)

    async def answer(self, params: sessions.SessionAnswerParams, by: str) -> int:
        """`seq` of the answer. Raises `conflict` with the winner when somebody was faster."""
        return await self._shelf.get(params.session).session.answer(params, by)

    async def fork(self, params: sessions.SessionForkParams, by: str) -> sessions.SessionSummary:
        """Begin a new session with the past of this one; the agent itself forks with the first prompt."""
        journal = await self._journal(params.session)
        state = journal.state
        info = await self._with_feature(state.provider, "fork", "cannot fork a session: begin a new one")
        await self._resolve_directory(state.path)
        mode = state.mode
        if mode is None or not self._modes.is_allowed(info.modes, mode):
            mode = self._modes.first(info.modes)
        made = branch(state, await journal.past(), params, mode)
        new = SessionId(secrets.token_urlsafe(12)), secrets.token_urlsafe(8)
        return (await self._shelf.add_with_past(*new, made.started, begun(journal, made, by))).summary

    async def rewind(self, params: sessions.SessionRewindParams, by: str) -> sessions.SessionRewindResult:
        """Go back to before a prompt."""
        shelved = await self._ours(params.session)
        remedy = "cannot go back: begin a new session, and restore files through Git"
        await self._with_feature(shelved.session.state.provider, "rewind", remedy)
        with agent_asked():
            went = await shelved.session.rewind(params, by)
        return sessions.SessionRewindResult(session=shelved.summary, files=list(went.files))

    async def stop_task(self, params: sessions.SessionStopTaskParams) -> None:
        """Stop something that the agent left running."""
        session = self._shelf.get(params.session).session
        try:
            with agent_asked():
                await session.stop_task(params.task)
        except KeyError:
            raise WireError(ErrorCode.NOT_FOUND, "The agent has no such task running any more.") from None

    async def state(self, session: str) -> sessions.SessionState:
        """The state at the head, of an agent's own session too."""
        if self._shelf.has(session):
            self._elsewhere.look(self._shelf.get(session).session)
            return self.get(session)
        found = await self._library.get(session)
        return as_native((await self._library.journal(found)).state, found)

    async def events(self, params: sessions.SessionEventsParams) -> EventsPage:
        """A page of the journal."""
        return await events_page(await self._journal(params.session), params)

    async def export(self, params: sessions.SessionExportParams) -> sessions.SessionExportResult:
        """A part of the journal as a document."""
        journal = await self._journal(params.session)
        bodies = await journal.page(params.after)
        return await asyncio.to_thread(export, journal.state, bodies, params.after, params.format)

    async def watch_any(
        self, params: sessions.SessionWatchParams
    ) -> tuple[sessions.SessionWatchResult, AsyncIterator[bytes]]:
        """As `watch`, of an agent's own session too."""
        if self._shelf.has(params.session):
            self._elsewhere.follow(self._shelf.get(params.session).session)
            return self.watch(params)
        found = await self._library.get(params.session)
        journal = await self._library.journal(found)
        result = sessions.SessionWatchResult(epoch=journal.state.epoch, head=journal.state.head)
        return result, self._library.watch(found, journal, params.after, params.epoch)

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

    async def _journal(self, session: str) -> Journal:
        """Of our own session, or what is read of an agent's."""
        if self._shelf.has(session):
            return self._shelf.get(session).session.journal
        return await self._library.journal(await self._library.get(session))

    async def _ours(self, session: str) -> Shelved:
        """One of our own; an agent's own session becomes one. Raises `conflict` while somebody has it open."""
        if self._shelf.has(session):
            return self._shelf.get(session)
        return await self._taken_over(await self._library.get(session), None)

    async def _taken_over(self, found: Found, mode: str | None) -> Shelved:
        async with self._taking_over:
            if self._shelf.has(found.id):
                return self._shelf.get(found.id)
            found = await self._library.get(found.id)  # as it is now
            await self._library.check_free(found.key)
            await self._resolve_directory(str(found.native.path))
            info = await self._available(found.provider)
            past = await self._library.past(found, mode or self._modes.first(info.modes))
            shelved = await self._shelf.add_with_past(found.id, past.epoch, past.started, batches(past.events))
            self._library.taken_over(found.id)
            return shelved

    def _staff(self, provider: str) -> Staff:
        recorder = ProcessRecorder(started=self._processes.add, ended=self._processes.remove)
        return Staff(lambda: self._provider(provider), recorder, self._owner)

    def _rules(self, provider: str) -> Rules:
        patience = self._patience.get(provider, Patience())

        async def is_mode_allowed(mode: str) -> bool:
            return not self._modes.is_capped or self._modes.is_allowed(await self._known_modes(provider), mode)

        async def allowed_mode(mode: str | None) -> str | None:
            if not self._modes.is_capped:
                return mode
            modes = (await self._available(provider)).modes
            return mode if mode is not None and self._modes.is_allowed(modes, mode) else self._modes.first(modes)

        async def leave(native_id: str) -> None:
            await self._library.hide((provider, native_id))

        return Rules(patience.approval_timeout_s, patience.idle_timeout_s, is_mode_allowed, allowed_mode, leave)

    def _provider(self, provider: str) -> Provider:
        found = self._catalog.get(provider)
        if found is None:
            raise ProviderFailed(
                f"This machine has no agent {provider!r} any more: enable providers.{provider} in its configuration."
            )
        return found

    async def _known_modes(self, provider: str) -> list[Mode]:
        found = self._catalog.get(provider)
        return [] if found is None else (await found.describe(is_awaited=True)).modes

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
