"""One session: what people do to it and what its agent says, one after another, into its journal."""

import uuid
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import structlog
from msgspec.structs import replace

from node.sessions import approvals, turns
from node.sessions.actor import Actor, AgentEnding
from node.sessions.attachments import too_large
from node.sessions.clocks import Clocks, Rules
from node.sessions.continuing import Read, take_in
from node.sessions.fitting import STAMP_BYTES, encode
from node.sessions.fold import fold
from node.sessions.host import Staff
from node.sessions.intake import Intake
from node.sessions.journal import Appended, Journal
from node.sessions.presence import Presence, Process
from node.sessions.queueing import check_room, queue_events
from node.sessions.rewinding import go_back, rewound
from node.sessions.serial import Serial
from node.sessions.sound import sound
from node.sessions.steering import Steering
from providers.base import AgentEvent, Decision, ForkOf, Prompt, SessionSpec, WentBack
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import (
    MAX_EVENT_BYTES,
    AgentState,
    ApprovalOption,
    ApprovalRequested,
    ApprovalResolved,
    Delta,
    JournalEvent,
    ModeChanged,
    Notice,
    PromptQueued,
    TitleChanged,
    TurnEnded,
    UserMessage,
)
from ws.protocol.sessions import (
    SessionAnswerParams,
    SessionQueueParams,
    SessionRewindParams,
    SessionSendParams,
    SessionSendResult,
    SessionState,
)

Result = TypeVar("Result")
log = structlog.get_logger(__name__)


class Session:
    """Every change runs in `_serial`, to its end even when its caller has gone, so that no two overlap."""

    def __init__(self, journal: Journal, staff: Staff, rules: Rules) -> None:
        state = journal.state
        self.journal = journal
        self._rules = rules
        self._serial = Serial(staff.owner, f"session {state.id}")
        self._clocks = Clocks(
            staff.owner, rules, on_expired=self._expired, on_idle=self._idle, on_ignored=self._ignored
        )
        self._intake = Intake(is_title_given=bool(state.title))
        self._actor = Actor(self, self._serial, staff, name=state.id)
        self._presence = Presence(journal.show)
        self._steering = Steering(staff.owner, self._actor.steer)
        self._is_stopping = False
        self._is_deleted = False
        self._is_interrupted = False
        self.turn_ended = ""
        """When the last turn since the start of the node did."""

    @property
    def state(self) -> SessionState:
        """The fold of what is on disk."""
        return self.journal.state

    async def recover(self) -> None:
        """After a start of the node: end the turn that was running, then go on with what waits."""
        await self._serial.run(lambda: self._append(turns.turn_end(self.state, "node_restarted")))

    async def send(self, params: SessionSendParams, by: str) -> SessionSendResult:
        """Journal a prompt; its turn starts at once when none runs and none waits. Steering may take up to 10 s."""

        async def work() -> SessionSendResult:
            known = await self.journal.find("prompt", params.message_id)
            if known is not None:
                return self._sent(known.seq, params.message_id, is_duplicate=True)
            prompt = PromptQueued(message_id=params.message_id, text=params.text, attachments=params.attachments, by=by)
            if len(encode(prompt)) > MAX_EVENT_BYTES - STAMP_BYTES:
                raise too_large()
            seq = self.state.head + 1
            check_room(self.state, fold(self.state, [prompt]))
            is_steering = params.delivery == "steer" and self.state.turn is not None and self._actor.takes_steering
            await self._append([prompt])
            if is_steering:
                self._steering.begin(prompt)
            return self._sent(seq, params.message_id, is_duplicate=False)

        sent = await self._act(work)
        if params.delivery == "queue":
            return sent
        await self._steering.answered(params.message_id)
        await self._serial.run(lambda: self._settle_steering(is_over=False))
        return self._sent(sent.seq, params.message_id, is_duplicate=sent.duplicate)

    @property
    def has_agent(self) -> bool:
        """Whether there is an agent, or one is being opened or closed."""
        return self._actor.is_live

    async def has_prompt(self, message_id: str) -> bool:
        """Whether a prompt with this id has come before."""
        return await self.journal.find("prompt", message_id) is not None

    async def queue(self, params: SessionQueueParams, by: str) -> SessionState:
        """Change the queue and return the state after that."""

        async def work() -> SessionState:
            events = queue_events(self._steering.less(self.state), params, by)
            check_room(self.state, fold(self.state, events))
            await self._append(events)
            return self.state

        return await self._act(work)

    async def interrupt(self, *, hold_queue: bool, by: str) -> bool:
        """End the running turn; False when none runs. With `hold_queue` what waits then waits for its release."""

        async def work() -> bool:
            is_running = self.state.turn is not None
            items = turns.hold(self.state, by) if hold_queue else []
            if is_running and self._actor.take_back():
                items += turns.turn_end(self.state, "cancelled")
            await self._append(items)
            if is_running and self.state.turn is not None:
                self._is_interrupted = True
                self._actor.interrupt()
                self._clocks.interrupted()
            return is_running

        return await self._act(work)

    async def answer(self, params: SessionAnswerParams, by: str) -> int:
        """Journal the answer and hand it to the agent; returns its `seq`. The first answer wins."""

        async def work() -> int:
            request = approvals.pending(self.state, params.approval)
            if request is None:
                raise approvals.too_late(
                    await self.journal.find("asked", params.approval),
                    await self.journal.find("answered", params.approval),
                )
            option = approvals.chosen(request, params.option)
            resolved = ApprovalResolved(approval=params.approval, outcome="selected", option=option.id, by=by)
            seq = await self._append([resolved])
            decision = Decision(option.id, params.updated_input, params.answers, params.message)
            self._actor.answer(params.approval, decision)
            return seq

        return await self._act(work)

    async def rewind(self, params: SessionRewindParams, by: str) -> WentBack:
        """Go back to before a prompt, or tell what that would do. Raises WireError and what the agent raises."""

        async def work() -> WentBack:
            past, native_id = await self.journal.past(), self._intake.native_id(self.state)
            try:
                went = await go_back(self.state, native_id, past, params, self._actor.visit)
            finally:
                self._clocks.rested()
            if not params.dry_run:
                self._actor.dismiss()
                self._intake.forget_native_id()
                await self._append([rewound(params, went, by)])
            return went

        return await self._act_alone(work)

    async def take_in(self, read: Read) -> bool:
        """Journal what was added elsewhere to the agent's session; see `continuing`. Raises WireError, TimeoutError."""
        return await self._act_alone(lambda: take_in(self.journal, self._actor, read, self._append))

    async def stop_task(self, task: str) -> None:
        """Stop something in the background. Raises KeyError when it runs no more, and what the agent raises."""
        await self._actor.stop_task(task)

    async def set_agent(self, *, mode: str | None, model: str | None, effort: str | None) -> None:
        """Tell a live agent its new settings; a later one is opened with them. Raises what the agent raises."""
        if mode is not None and mode != self.state.mode:
            await self._actor.set_mode(mode)
        if (model, effort) != (self.state.model, self.state.effort):
            await self._actor.set_model(model, effort)

    async def note(self, events: Sequence[JournalEvent]) -> None:
        """Journal what a person changed about the session."""
        if any(isinstance(event, TitleChanged) for event in events):
            self._intake.is_title_given = True
        await self._act(lambda: self._append(events))

    async def delete(self) -> None:
        """End the agent and remove the journal."""
        self._is_deleted = True
        self._clocks.stop()
        await self._actor.close()
        try:
            await self._serial.run(self.journal.delete)
        except WireError:
            self._is_deleted = False
            raise

    async def stop(self) -> None:
        """The node is stopping: end the agent; a turn that runs ends as the next start would end it."""
        self._is_stopping = True
        self._clocks.stop()
        await self._actor.close()

        async def end() -> None:
            await self._settle_steering()
            await self._append(turns.turn_end(self.state, "node_restarted"))

        try:
            await self._serial.run(end)
        except WireError as error:
            log.warning("turn_end_not_written", session=self.state.id, reason=error.detail)

    def spec(self) -> SessionSpec:
        """What an agent is opened with now."""
        state, native_id = self.state, self._intake.native_id(self.state)
        fork = state.forked_from if native_id is None else None
        return SessionSpec(
            path=Path(state.path),
            model=state.model,
            mode=state.mode,
            effort=state.effort,
            native_id=native_id,
            new_native_id=str(uuid.uuid4()),
            resume_at=None if native_id is None else state.resume_at,
            fork_of=None if fork is None or fork.native_id is None else ForkOf(fork.native_id, fork.anchor),
        )

    async def allowed_mode(self, mode: str | None) -> str | None:
        """For the actor: what an agent may be opened with."""
        return await self._rules.allowed_mode(mode)

    def process_is(self, process: Process) -> None:
        """For the actor: the agent's program starts, lives, or is gone."""
        self._presence.process(process)

    async def take(self, events: Sequence[AgentEvent]) -> None:
        """What the agent said, as it comes: for the actor."""
        if any(isinstance(event, TurnEnded) for event in events):
            await self._settle_steering()
        items: list[JournalEvent | Delta] = []
        state = self.state
        for event in events:
            allowed = sound(await self._allowed(event))
            if isinstance(allowed, ApprovalRequested) and approvals.is_crowded(state, allowed):
                allowed = approvals.CROWDED
            for item in self._intake.accept(state, allowed):
                items.append(approvals.dated(item, self._rules.approval_timeout_s))
                if not isinstance(item, Delta):
                    state = fold(state, [item])
            if isinstance(event, ApprovalRequested) and (state.turn is None or not isinstance(allowed, type(event))):
                self._refuse(event)
        await self._append(items)
        for event in events:
            if isinstance(event, AgentState):
                self._presence.told(event)

    async def agent_refused(self, failure: str) -> None:
        """No agent can be opened, for the actor: the turn ends, and what waits is held, or it would fare the same."""
        self._actor.take_back()
        await self._append([*turns.turn_end(self.state, "error", failure), *turns.hold(self.state, turns.NODE)])

    async def agent_ended(self, failure: str) -> None:
        """The agent is gone, for the actor: its turn ends."""
        if self._is_deleted or self._actor.has_due:
            return
        await self._settle_steering()
        if self._is_stopping:
            await self._append(turns.turn_end(self.state, "node_restarted"))
        elif self._is_interrupted:
            await self._append(turns.turn_end(self.state, "cancelled"))
        else:
            await self._append(turns.turn_end(self.state, "error", failure))

    async def _settle_steering(self, *, is_over: bool = True) -> None:
        """Write the prompts that the running turn has taken: all before anything ends it, else those it answered for.

        The agent may have to be read while it takes a prompt, so nothing but the end of a turn waits for it here.
        """
        if is_over:
            await self._steering.all_answered()
        names = self._steering.so_far()
        given = self._steering.taken(self.state, names)
        if given:
            await self._append(given)
        self._steering.settled(names)

    async def _act(self, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        async def checked() -> Result:
            if self._is_deleted:
                raise WireError(ErrorCode.NOT_FOUND, "There is no such session on this machine.")
            if self._is_stopping:
                raise WireError(ErrorCode.NODE_OFFLINE, "This node is stopping; try again when it is back.")
            return await work()

        return await self._serial.run(checked)

    async def _act_alone(self, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """As `_act`, of what may have to wait for an agent to end."""
        while True:
            try:
                return await self._act(work)
            except AgentEnding:
                await self._actor.ended()

    async def _append(self, items: Sequence[JournalEvent | Delta]) -> int:
        """Journal `items` and, when that makes a prompt due, the beginning of its turn; returns the head."""
        settled = fold(self.state, [item for item in items if not isinstance(item, Delta)])
        begun = [] if self._is_stopping else turns.next_turn(settled, self._intake.held_back)
        if not items and not begun:
            return self.state.head
        for native_id in turns.left_behind(self.state, [*items, *begun]):
            await self._rules.leave(native_id)  # before: a node that ends in between must not list it as another one
        head = await self.journal.append([*items, *begun])
        if begun:
            self._intake.turn_began()
        for event in begun:
            if isinstance(event, UserMessage):
                self._actor.begin(Prompt(event.message_id, event.text, tuple(event.attachments)))
        return head

    def after_append(self, appended: Appended) -> None:
        """Set the clocks that follow from what was journalled."""
        self._clocks.heed(appended.events)
        for event in appended.events:
            if isinstance(event, TurnEnded):
                self._is_interrupted, self.turn_ended = False, event.ts

    async def _expired(self, approval: str) -> None:
        """Nobody answered in time: the agent is told no."""

        async def work() -> None:
            request = approvals.pending(self.state, approval)
            if request is not None:
                await self._append([ApprovalResolved(approval=approval, outcome="expired")])
                self._refuse(request)

        await self._serial.run(work)

    async def _idle(self) -> None:
        """The agent has had nothing to do for long."""

        async def work() -> None:
            if self.state.turn is None:
                self._actor.retire()

        await self._serial.run(work)

    async def _ignored(self) -> None:
        """The agent goes on although it was interrupted."""

        async def work() -> None:
            if self._is_interrupted:
                log.warning("agent_ignored_interrupt", session=self.state.id)
                self._actor.retire()

        await self._serial.run(work)

    def _refuse(self, request: ApprovalRequested) -> None:
        option = approvals.refusal(request)
        if option is None:
            self._actor.interrupt()
        else:
            self._actor.answer(request.approval, Decision(option, message=approvals.EXPIRED_MESSAGE))

    async def _allowed(self, event: AgentEvent) -> AgentEvent:
        """The event itself; a mode above the node's policy is taken back and becomes a notice, or is not offered."""
        if isinstance(event, ApprovalRequested):
            return replace(event, options=[each for each in event.options if await self._may_be_offered(each)])
        if not isinstance(event, ModeChanged) or await self._rules.is_mode_allowed(event.mode):
            return event
        if self.state.mode is not None:
            self._actor.restore_mode(self.state.mode)
        text = f"The agent wanted mode {event.mode}, which this machine does not allow (policy.max_mode)."
        return Notice(level="warning", code="mode_not_allowed", text=text)

    async def _may_be_offered(self, option: ApprovalOption) -> bool:
        return option.mode is None or await self._rules.is_mode_allowed(option.mode)

    def _sent(self, seq: int, message_id: str, *, is_duplicate: bool) -> SessionSendResult:
        is_waiting = any(each.message_id == message_id for each in self.state.queue)
        return SessionSendResult(seq=seq, state="queued" if is_waiting else "running", duplicate=is_duplicate)
