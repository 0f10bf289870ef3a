"""One live session of an ACP agent: one process, one task that reads it until it ends.

A process for each session: what one session does to an agent, another one cannot suffer from, and all agents can do it.

Neither `fs` nor `terminal` is offered to agents: without them each reads, writes and runs by its own means under its
own permissions, which also serves files outside the folder and text that is not UTF-8, where ours would have to refuse.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import structlog

from providers.acp import errors
from providers.acp.approvals import Approvals, Waiting
from providers.acp.connection import METHOD_NOT_FOUND, AgentRefused, Asked, Handler
from providers.acp.content import prompt_blocks
from providers.acp.fields import table, text
from providers.acp.normalize import Normalizer
from providers.acp.peer import CONTROL_S, Peer
from providers.acp.presets import Preset
from providers.acp.settings import Request, Settings
from providers.base import (
    AgentEvent,
    AgentGone,
    Decision,
    GoingBack,
    ProcessRecorder,
    Prompt,
    ProviderFailed,
    SessionSpec,
    WentBack,
)
from providers.program import Launch
from providers.queue import EventQueue
from providers.tasks import TaskStarter
from ws.protocol.events import NativeIdKnown, Notice, StopReason, TurnEnded

log = structlog.get_logger(__name__)

OPEN_S = 60.0
"""For session/new and session/load; a long history is sent whole. Seen: 0.05–1.7 s, after a start of 0.6–5.6 s."""

OBEY_S = 10.0
"""A turn that has not ended so long after an interrupt is ended with its agent."""

QUIET_S = 2.0
"""A turn that the agent began by itself has no end in the protocol: it ends when nothing has come for so long."""

_END_S = 1.0


class AcpAgent(Handler):
    """See :class:`providers.base.Agent`. Made by :func:`open_agent`."""

    def __init__(self, spec: SessionSpec, peer: Peer, start_task: TaskStarter) -> None:
        self.native_id = spec.native_id or ""
        self.settings = Settings(peer.preset.name)
        self._spec = spec
        self._peer = peer
        self._start_task = start_task
        self._queue = EventQueue()
        self._normalizer = Normalizer(spec.path, self.settings)
        self._approvals = Approvals()
        self._is_replaying = False
        self._has_replayed = False
        self._is_closing = False
        self._is_over = False
        self._impatience: asyncio.TimerHandle | None = None
        self._quiet: asyncio.TimerHandle | None = None
        self._life: asyncio.Task[None] | None = None

    @property
    def is_over(self) -> bool:
        """The agent has ended or is ending."""
        return self._is_over

    async def start(self) -> None:
        """Shake hands and open the session. Raises :class:`ProviderFailed`."""
        await self._peer.start()
        self._life = self._start_task(self._live(), name=f"acp-{self._spec.native_id or 'new'}")
        await self._peer.initialize()
        await self._open_session()
        if self._spec.model is not None or self._spec.effort is not None:
            await self.set_model(self._spec.model, self._spec.effort)
        if self._spec.mode is not None and (
            self.settings.mode is None or self.settings.mode.current != self._spec.mode
        ):
            await self.set_mode(self._spec.mode)

    def events(self) -> AsyncIterator[AgentEvent]:
        return self._queue.read()

    async def prompt(self, prompt: Prompt) -> None:
        if self._is_over:
            raise AgentGone(f"{self._peer.preset.name} has ended: {self._remedy()}.")
        blocks = prompt_blocks(prompt, has_images=self._peer.takes_images, name=self._peer.preset.name)
        self._settle_quiet()
        self._emit_now(self._normalizer.prompt_sent())
        try:
            await self._peer.begin("session/prompt", self._about({"prompt": blocks}), self._answered)
        except ProviderFailed as failure:
            log.info("acp_prompt_not_taken", agent=self._peer.preset.name, reason=str(failure))
            self._peer.kill()  # an agent that no longer reads has failed: the turn ends with it

    async def interrupt(self) -> None:
        if not self._normalizer.has_turn:
            return
        self._normalizer.is_interrupted = True
        if self._normalizer.is_own_turn:
            await self._turn_is_over()
            self._emit_now(self._normalizer.finish("cancelled", None))
        elif self._impatience is None:
            self._impatience = asyncio.get_running_loop().call_later(OBEY_S, self._peer.kill)
        try:
            await self._peer.notify("session/cancel", self._about({}))
            await self._withdraw()
        except ProviderFailed as failure:
            log.info("acp_interrupt_not_taken", agent=self._peer.preset.name, reason=str(failure))

    async def answer(self, approval: str, decision: Decision) -> None:
        waiting = self._approvals.take(approval, decision)
        if waiting.is_refused_by(decision):
            self._normalizer.rejected(waiting.event.tool_call_id)
        await self._peer.reply(waiting.asked, waiting.result(decision))

    async def set_model(self, model: str | None, effort: str | None) -> None:
        settings = self.settings
        requests = settings.model_requests(model, effort)
        choices = [(settings.model, model or settings.default_model), (settings.effort, effort)]
        chosen = [(choice, choice.current, value) for choice, value in choices if choice and value]
        for choice, _, value in chosen:
            choice.current = value  # at once: its echo is no news
        try:
            for request in requests:
                settings.learn(await self._set(request))
        except ProviderFailed:
            for choice, before, _ in chosen:
                choice.current = before
            raise

    async def set_mode(self, mode: str) -> None:
        request = self.settings.mode_request(mode)
        known = self.settings.mode
        assert known is not None, "a mode that was found is known"
        before, known.current = known.current, mode  # at once: its echo is no news
        try:
            self.settings.learn(await self._set(request))
        except ProviderFailed:
            known.current = before
            raise

    async def steer(self, prompt: Prompt) -> bool:
        return False

    async def stop_task(self, task: str) -> None:
        raise KeyError(task)

    async def go_back(self, to: GoingBack) -> WentBack:
        raise ProviderFailed(f"{self._peer.preset.name} cannot go back: begin a new session instead.")

    async def close(self) -> None:
        self._is_closing = True
        await self._peer.close()
        if self._life is None:
            self._queue.close()
            return
        _, pending = await asyncio.wait({self._life}, timeout=_END_S)
        if pending:  # nobody reads the events: what is left of them is dropped
            self._queue.close()
            await asyncio.wait({self._life}, timeout=_END_S)

    async def told(self, method: str, params: Mapping[str, Any]) -> None:
        session = text(params, "sessionId")
        if method != "session/update" or (session and self.native_id and session != self.native_id):
            return  # extensions of the protocol, and sub-agents that are sessions of their own
        update = table(params, "update")
        if self._is_replaying:
            self._has_replayed = self._has_replayed or text(update, "sessionUpdate") == "user_message_chunk"
            if text(update, "sessionUpdate") != "available_commands_update":
                return
        await self._emit(self._normalizer.feed(update))
        self._await_quiet()

    async def asked(self, request: Asked) -> None:
        match request.method:
            case "session/request_permission":
                waiting = self._approvals.permission(request)
            case "elicitation/create":
                waiting = self._approvals.form(request)
            case _:
                await self._peer.refuse(request, METHOD_NOT_FOUND, f"{request.method} is not offered")
                return
        if waiting is None or self._normalizer.is_interrupted:
            await self._give_up(request, waiting)
            return
        await self._emit(self._normalizer.asked_about(table(request.params, "toolCall")))
        await self._queue.put(waiting.event)
        self._await_quiet()

    async def misunderstood(self, line: bytes) -> None:
        log.info("acp_line_not_understood", agent=self._peer.preset.name, bytes=len(line))
        if self._normalizer.has_turn:
            await self._emit(self._normalizer.misunderstood())

    async def _give_up(self, request: Asked, waiting: Waiting | None) -> None:
        """Too many requests, one without options, or one that came while the turn was being ended."""
        if waiting is not None:
            await self._withdraw()
        elif request.method == "session/request_permission":
            await self._peer.reply(request, {"outcome": {"outcome": "cancelled"}})
        else:
            await self._peer.reply(request, {"action": "cancel"})

    async def _open_session(self) -> None:
        """New, forked, or an earlier one with its memory, if the agent can."""
        spec, peer = self._spec, self._peer
        place = {"cwd": str(spec.path), "mcpServers": []}
        if spec.fork_of is not None:
            if not peer.can("fork") or spec.fork_of.anchor is not None:
                raise ProviderFailed(f"{peer.preset.name} cannot fork a session there: begin a new one.")
            told = await peer.call("session/fork", {"sessionId": spec.fork_of.native_id, **place}, OPEN_S, "fork")
        elif spec.native_id is not None and (peer.can_load or peer.can("resume")):
            self._is_replaying = True
            method = "session/load" if peer.can_load else "session/resume"
            told = await peer.call(method, {"sessionId": spec.native_id, **place}, OPEN_S, "resume the session")
            self._is_replaying = False
            if peer.can_load and not self._has_replayed:
                said = "has nothing of what was said before in this session: it goes on without that memory"
                self._tell(Notice(level="warning", code="memory_lost", text=f"{peer.preset.name} {said}."))
        else:
            told = await peer.call("session/new", place, OPEN_S, "begin a session")
            if spec.native_id is not None:
                said = "cannot resume sessions: it goes on as a new one, without memory of what was said before"
                self._tell(Notice(level="warning", code="memory_lost", text=f"{peer.preset.name} {said}."))
        self.settings.learn(told)
        self.native_id = text(told, "sessionId") or self.native_id
        if not self.native_id:
            raise ProviderFailed(f"{peer.preset.name} did not name its session: update it.")
        if self.native_id != spec.native_id:
            self._tell(NativeIdKnown(native_id=self.native_id))

    def _tell(self, fact: NativeIdKnown | Notice) -> None:
        self._normalizer.tell_with_next_turn(fact)

    async def _answered(self, result: Mapping[str, Any] | AgentRefused) -> None:
        """The answer to the prompt, in its place among the updates."""
        if self._peer.is_over or not self._normalizer.has_turn:
            return  # the end of the agent ends the turn, with its cause
        await self._turn_is_over()
        if not isinstance(result, AgentRefused):
            self._emit_now(self._normalizer.answered(result))
        elif self._normalizer.is_interrupted:
            self._emit_now(self._normalizer.finish("cancelled", None))
        else:
            self._emit_now(self._normalizer.finish("error", self._peer.turn_failed(result)))

    async def _live(self) -> None:
        """Read until the agent ends; then end what is open."""
        failure: ProviderFailed | None = ProviderFailed(f"This node could not follow {self._peer.preset.name}.")
        try:
            failure = await self._peer.read()
            if self._is_closing:
                failure = None
            elif failure is None:
                failure = ProviderFailed(f"{await self._peer.ending()}: {self._remedy()}.")
        except asyncio.CancelledError:
            failure = None
            raise
        finally:
            await self._end(failure)

    async def _end(self, failure: ProviderFailed | None) -> None:
        """Tell the end of the turn at once, and the end of the agent when its process is surely gone."""
        self._is_over = True
        await self._turn_is_over()
        is_wanted = failure is None or self._normalizer.is_interrupted
        reason: StopReason = "cancelled" if is_wanted else "error"
        self._emit_now(self._normalizer.finish(reason, None if is_wanted else str(failure)))
        await self._peer.close()
        self._queue.close(failure)

    async def _turn_is_over(self) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None
        self._settle_quiet()
        await self._withdraw()

    async def _withdraw(self) -> None:
        """Nobody waits for an answer any more; the protocol wants each request answered all the same."""
        for waiting, event in self._approvals.withdraw_all():
            self._normalizer.rejected(waiting.event.tool_call_id)
            self._queue.put_now(event)
            await self._peer.reply(waiting.asked, waiting.withdrawn)

    def _await_quiet(self) -> None:
        """Of a turn of the agent's own nobody tells the end."""
        self._settle_quiet()
        if self._normalizer.is_own_turn:
            self._quiet = asyncio.get_running_loop().call_later(QUIET_S, self._is_quiet)

    def _is_quiet(self) -> None:
        self._quiet = None
        if self._normalizer.is_own_turn and not self._approvals.has_open:
            self._emit_now(self._normalizer.finish("end_turn", None))

    def _settle_quiet(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None

    async def _set(self, request: Request) -> Mapping[str, Any]:
        method, params = request
        if self._is_over:
            raise ProviderFailed(f"{self._peer.preset.name} has ended: {self._remedy()}.")
        return await self._peer.call(method, self._about(params), CONTROL_S, "change that")

    def _about(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {"sessionId": self.native_id, **params}

    def _remedy(self) -> str:
        return errors.RESUMES if self._peer.can_load or self._peer.can("resume") else errors.BEGINS_ANEW

    async def _emit(self, events: Iterable[AgentEvent]) -> None:
        for event in events:
            if isinstance(event, TurnEnded):
                self._queue.put_now(event)
            else:
                await self._queue.put(event)

    def _emit_now(self, events: Iterable[AgentEvent]) -> None:
        for event in events:
            self._queue.put_now(event)


async def open_agent(
    spec: SessionSpec, launch: Launch, recorder: ProcessRecorder, start_task: TaskStarter, preset: Preset
) -> AcpAgent:
    """Start an agent and open its session. Raises :class:`ProviderFailed`; then nothing of it is left."""
    peer = Peer(preset, launch, recorder, start_task)
    agent = AcpAgent(spec, peer, start_task)
    peer.listen(agent)
    try:
        await agent.start()
    except BaseException:
        await agent.close()
        raise
    return agent
