"""One live Codex session: one thread of the node's app-server, and a task that follows it."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog

from providers.base import AgentEvent, AgentGone, Decision, GoingBack, Prompt, ProviderFailed, SessionSpec, WentBack
from providers.codex import choices, diffs, errors, settings
from providers.codex.approvals import Approvals, Pending
from providers.codex.commands import COMMANDS
from providers.codex.inbox import Inbox
from providers.codex.modes import ASK, AUTO, DEFAULT, PLAN, RULES
from providers.codex.normalize import Normalizer
from providers.codex.rpc import CallRefused, Connection, Message
from providers.codex.server import AppServer
from providers.queue import EventQueue
from providers.tasks import TaskStarter
from ws.protocol.events import ModeChanged, Notice, StopReason, TurnEnded

log = structlog.get_logger(__name__)

OBEY_S = 10.0
"""A turn that has not ended so long after an interrupt is ended with the app-server."""

_CLOSE_S = 2.0

IMPLEMENT = "Implement the plan."
"""What Codex's own client says when its user has approved the plan."""

NEXT_TURN = Notice(
    level="info",
    code="mode_from_next_turn",
    text="Codex takes the new mode with the next turn: stop this one if it must hold at once.",
)
NO_CODE = (
    "Codex keeps no copies of files: go back in the conversation alone, and put the files back with Git if they are in "
    "a repository."
)


class CodexAgent:
    """See :class:`providers.base.Agent`. Made by :func:`open_agent`; `mine` is the acquired app-server."""

    def __init__(
        self, spec: SessionSpec, server: AppServer, mine: Connection, normalizer: Normalizer, start_task: TaskStarter
    ) -> None:
        self._folder = spec.path
        self._mode = spec.mode or DEFAULT
        self._effort = spec.effort
        self._model = ""
        self._default_model = ""
        self._chosen = spec.model
        self._server = server
        self._connection = mine
        self._normalizer = normalizer
        self._start_task = start_task
        self._queue = EventQueue()
        self._approvals = Approvals(self._queue.put_now)
        self._inbox = Inbox()
        self._failure: ProviderFailed | None = None
        self._is_over = False
        self._is_closed = False
        self._impatience: asyncio.TimerHandle | None = None
        self._workspace: Mapping[str, Any] | None = None
        self._following: asyncio.Task[None] | None = None

    @property
    def is_over(self) -> bool:
        """It has ended or is ending."""
        return self._is_over

    @property
    def native_id(self) -> str:
        return self._normalizer.thread

    async def begin(self, answer: Mapping[str, Any]) -> None:
        """Follow the thread that `thread/start` or its like answered with."""
        self._normalizer.thread = str(answer["thread"]["id"])
        self._model = self._default_model = str(answer.get("model") or "")
        if settings.chosen(self._chosen) is not None:
            self._default_model = ""  # not known yet
        self._following = self._start_task(self._follow(), name=f"codex-{self.native_id}")
        await self._server.attach(self.native_id, self)

    def events(self) -> AsyncIterator[AgentEvent]:
        return self._queue.read()

    async def deliver(self, message: Message) -> None:
        if not self._is_over and not await self._inbox.put(message):
            self.lost(ProviderFailed(f"This node could not keep up with Codex: {errors.RESUMES}."))

    def lost(self, failure: ProviderFailed) -> None:
        """What has come so far is told first."""
        self._failure = self._failure or failure
        self._inbox.close()

    async def prompt(self, prompt: Prompt) -> None:
        if self._is_over or self._failure is not None:
            raise AgentGone(errors.ENDED)
        left: list[Pending] = []
        for event in self._normalizer.prompt_sent():
            left += self._told(event)
        self._ask_again(left)
        command = COMMANDS.get(prompt.text.strip())
        if command is not None:
            await self._begin_turn(command.method, {**command.params})
        else:
            await self._start_turn(settings.user_input(prompt))

    async def interrupt(self) -> None:
        turn = self._normalizer.turn
        if turn is None:
            return
        turn.is_interrupted = True
        threads = self._normalizer.running_children()
        is_codex_turn = turn.codex is not None and not self._approvals.is_about_plan
        if turn.codex is not None and is_codex_turn:
            threads[self.native_id] = turn.codex
            if self._impatience is None:
                self._impatience = asyncio.get_running_loop().call_later(OBEY_S, self._server.kill)
        commands = set(self._normalizer.open_commands())
        for thread, codex_turn in threads.items():
            try:
                await self._connection.call("turn/interrupt", threadId=thread, turnId=codex_turn, deadline_s=OBEY_S)
            except CallRefused:
                log.info("codex_no_turn_to_interrupt")  # it has just ended
            await self._terminate(thread, commands)
        if not is_codex_turn and self._normalizer.turn is turn:
            self._end_turn("cancelled")  # only sub-agents worked, or it waits for what is to become of its plan

    async def answer(self, approval: str, decision: Decision) -> None:
        await self._approvals.answer(approval, decision)

    async def set_model(self, model: str | None, effort: str | None) -> None:
        self._chosen = model
        self._model = settings.chosen(model) or self._default_model or await self._configured_model()
        self._effort = effort

    async def set_mode(self, mode: str) -> None:
        if mode not in RULES:
            raise ProviderFailed(f"Codex has no mode {mode}: choose one of {', '.join(RULES)}.")
        await self._load_workspace()
        given = settings.turn(self._model, self._effort, mode, self._workspace)
        await self._control(f"change to mode {mode}", "thread/settings/update", **given)
        if self._normalizer.turn is not None and mode != self._mode:
            self._put([NEXT_TURN])  # seen with 0.169.0: the running turn keeps its rules
        self._mode = mode

    async def steer(self, prompt: Prompt) -> bool:
        turn = self._normalizer.turn
        if turn is None or turn.codex is None or turn.is_interrupted:
            return False
        try:
            await self._connection.call(
                "turn/steer", threadId=self.native_id, expectedTurnId=turn.codex, input=settings.user_input(prompt)
            )
        except CallRefused:
            return False
        return True

    async def stop_task(self, task: str) -> None:
        if not self._normalizer.background.has(task):
            raise KeyError(task)
        child = self._normalizer.running_children().get(task)
        if child is not None:
            await self._control("stop it", "turn/interrupt", threadId=task, turnId=child)
        elif not await self._terminate(self.native_id, {task}):
            self._put(filter(None, [self._normalizer.background.ended(task)]))
            raise KeyError(task)

    async def go_back(self, to: GoingBack) -> WentBack:
        if to.code:
            raise ProviderFailed(NO_CODE)
        if to.before is None:
            return WentBack(files=(), native_id=None)
        first = await self._turn_after(to.before)
        if first is not None and not to.is_dry_run:
            await self._control("go back", "thread/revert", beforeTurnId=first)
        return WentBack(files=(), native_id=self.native_id)

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        turn = self._normalizer.turn
        if turn is not None:
            turn.is_interrupted = True
        self._end(None)
        with suppress(ProviderFailed, TimeoutError, CallRefused):
            async with asyncio.timeout(_CLOSE_S):
                await self._leave(turn.codex if turn else None)
        if self._following is not None and self._following is not asyncio.current_task():
            self._following.cancel()
        self._server.detach(self)
        self._server.release()

    async def _leave(self, codex_turn: str | None) -> None:
        """End what still runs for this thread, then let go of it."""
        for thread, child_turn in self._normalizer.running_children().items():
            with suppress(CallRefused):
                await self._connection.call("turn/interrupt", threadId=thread, turnId=child_turn)
        if codex_turn is not None:
            with suppress(CallRefused):
                await self._connection.call("turn/interrupt", threadId=self.native_id, turnId=codex_turn)
        await self._connection.call("thread/backgroundTerminals/clean", threadId=self.native_id)
        await self._connection.call("thread/unsubscribe", threadId=self.native_id)

    async def _start_turn(self, given: list[dict[str, Any]]) -> None:
        await self._load_workspace()
        options = settings.turn(self._model, self._effort, self._mode, self._workspace)
        await self._begin_turn("turn/start", {"input": given, **options})

    async def _begin_turn(self, method: str, params: Mapping[str, Any]) -> None:
        """A refusal ends the turn; an app-server that does not answer is ended."""
        try:
            answer = await self._connection.call(method, **{"threadId": self.native_id, **params})
        except CallRefused as refusal:
            self._end_turn("error", str(errors.refused("take the prompt", refusal.error)))
        except TimeoutError:
            self._server.kill()
        except ProviderFailed:
            return  # the end of the app-server ends the turn too
        else:
            codex_turn = (answer.get("turn") or {}).get("id")
            turn = self._normalizer.turn
            self._put(self._normalizer.prompt_taken(codex_turn or (turn.codex if turn else None)))

    async def _follow(self) -> None:
        """Take what comes until the app-server or the session ends."""
        failure = ProviderFailed(errors.NOT_FOLLOWED)
        try:
            await self._inbox.feed(self._take, self._take_odd)
            failure = self._failure or failure
        except asyncio.CancelledError:
            self._end(None)
            raise
        finally:
            self._end(failure)

    async def _take(self, message: Message) -> None:
        if message.id is not None:
            await self._asked(message)
            return
        if message.method == "serverRequest/resolved":
            self._approvals.resolved(message.params.get("requestId"))
            return
        if message.method == "turn/completed" and self._asks_about_plan(message.params):
            return
        contents = []
        if message.method in {"item/started", "item/fileChange/patchUpdated"}:
            changes = message.params.get("changes") or (message.params.get("item") or {}).get("changes")
            if changes:
                contents = await asyncio.to_thread(diffs.shown, changes, self._folder)
        await self._queue.room()  # then all at once: a prompt that is refused, say, ends a turn too
        for event in self._normalizer.feed(message.method, message.params, contents):
            if isinstance(event, TurnEnded):
                self._ask_again(self._told(event))
            else:
                self._queue.put_now(event)

    async def _take_odd(self, message: Message) -> None:
        if message.id is not None:
            await self._connection.refuse(message.id, f"this {message.method} is not understood here")
        for event in self._normalizer.feed(f"another shape of {message.method}", {}):
            await self._queue.put(event)

    async def _asked(self, message: Message) -> None:
        """A request of Codex becomes an approval; what this node does not know is refused."""
        request, thread = message.id, str(message.params.get("threadId") or self.native_id)
        assert request is not None, "a request has an id"
        asked = choices.ask(message.method, message.params)
        if asked is None:
            await self._connection.refuse(request, f"{message.method} is not offered here")
            return

        async def give(choice: choices.Choice, decision: Decision) -> None:
            with suppress(ProviderFailed):  # the end of the app-server ends the turn too
                await self._connection.answer(request, choice.result(decision))
                if decision.message and choice.option.kind.startswith("reject"):
                    await self.steer(Prompt(message_id="", text=decision.message))

        self._put(self._normalizer.begin())
        call = asked.item if self._normalizer.has_call(asked.item) else None
        self._approvals.open(Pending(asked, give, thread, request, call, self._normalizer.title_of(call)))

    def _asks_about_plan(self, params: Mapping[str, Any]) -> bool:
        """A plan that Codex has presented ends its turn, not ours: what becomes of it is asked first."""
        turn, completed = self._normalizer.turn, params.get("turn") or {}
        if turn is None or turn.is_interrupted or turn.codex != completed.get("id"):
            return False
        plan = self._normalizer.take_plan()
        if plan is None or completed.get("status") != "completed" or self._mode != PLAN:
            return False
        self._normalizer.main_is_idle()
        self._approvals.open(Pending(choices.for_plan(plan), self._plan_answered, self.native_id))
        return True

    async def _plan_answered(self, choice: choices.Choice, decision: Decision) -> None:
        mode = {"ask": ASK, "auto": AUTO}.get(choice.option.id)
        if mode is not None:
            self._mode = mode
            self._queue.put_now(ModeChanged(mode=mode))
            await self._start_turn([{"type": "text", "text": IMPLEMENT}])
        elif decision.message:
            await self._start_turn([{"type": "text", "text": decision.message}])
        else:
            self._end_turn("end_turn")

    async def _terminate(self, thread: str, items: set[str]) -> bool:
        """End commands that run, by their items; an interrupt leaves them running."""
        if not items:
            return False
        listed = await self._connection.call("thread/backgroundTerminals/list", threadId=thread)
        found = [each for each in listed.get("data") or () if each.get("itemId") in items]
        for each in found:
            with suppress(CallRefused):
                await self._connection.call(
                    "thread/backgroundTerminals/terminate", threadId=thread, processId=each["processId"]
                )
        return bool(found)

    async def _turn_after(self, anchor: str) -> str | None:
        """The turn after the one that `anchor` names; None when it is the last one."""
        cursor: str | None = None
        later: str | None = None
        while True:
            page = await self._control("show its turns", "thread/turns/list", limit=100, cursor=cursor)
            for turn in page.get("data") or ():  # the newest first
                if turn.get("id") == anchor:
                    return later
                later = turn.get("id")
            cursor = page.get("nextCursor")
            if not cursor:
                raise ProviderFailed("Codex no longer has that point of the conversation: go back to a later one.")

    async def _configured_model(self) -> str:
        config = await self._control("read its configuration", "config/read", cwd=str(self._folder))
        configured = (config.get("config") or {}).get("model")
        if configured:
            return str(configured)
        listed = await self._control("list its models", "model/list")
        return next((str(each["id"]) for each in listed.get("data") or () if each.get("isDefault")), self._model)

    async def _load_workspace(self) -> None:
        if self._workspace is None:
            with suppress(CallRefused, TimeoutError):
                config = await self._connection.call("config/read", cwd=str(self._folder))
                self._workspace = (config.get("config") or {}).get("sandbox_workspace_write") or {}

    async def _control(self, what: str, method: str, **params: Any) -> Any:
        try:
            return await self._connection.call(method, **{"threadId": self.native_id, **params})
        except CallRefused as refusal:
            raise errors.refused(what, refusal.error) from refusal
        except TimeoutError as error:
            raise ProviderFailed(f"Codex did not {what} in time: try again.") from error

    def _put(self, events: Iterable[AgentEvent]) -> None:
        for event in events:
            self._queue.put_now(event)

    def _told(self, event: AgentEvent) -> list[Pending]:
        """Tell it at once. Returns what sub-agents still wait for when it was the end of a turn that they outlive."""
        left: list[Pending] = []
        if isinstance(event, TurnEnded):
            children = self._normalizer.running_children()
            left = [each for each in self._approvals.withdraw_all() if each.thread in children]
            if self._impatience is not None:
                self._impatience.cancel()
                self._impatience = None
        self._queue.put_now(event)
        return left if isinstance(event, TurnEnded) and event.stop_reason == "end_turn" else []

    def _ask_again(self, left: Sequence[Pending]) -> None:
        """What was withdrawn with a turn that is over, in the turn that runs or in one that the agent begins."""
        for pending in left:
            self._put(self._normalizer.begin())
            self._approvals.open(pending)

    def _end_turn(self, reason: StopReason, error: str | None = None) -> None:
        for event in self._normalizer.finish(reason, error):
            _ = self._told(event)

    def _end(self, failure: ProviderFailed | None) -> None:
        """Tell the end of the turn, then of the agent; once."""
        if self._is_over:
            return
        self._is_over = True
        turn = self._normalizer.turn
        is_wanted = failure is None or (turn is not None and turn.is_interrupted)
        self._end_turn("cancelled" if is_wanted else "error", None if is_wanted else str(failure))
        self._queue.close(failure)
        self._inbox.drop()
