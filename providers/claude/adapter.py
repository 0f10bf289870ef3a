"""One live Claude session: one CLI, one task that connects, reads for ever and closes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import structlog
from claude_agent_sdk import (
    ClaudeAgentOptions,
    ClaudeSDKClient,
    ClaudeSDKError,
    Message,
    PermissionResult,
    SystemMessage,
    ToolPermissionContext,
    __version__,
)

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
from providers.claude import rewind, usage
from providers.claude.approvals import Approvals
from providers.claude.catalog import BYPASS, handshake
from providers.claude.errors import refusals_of
from providers.claude.kept import tasks
from providers.claude.left import Left, look
from providers.claude.normalize import Normalizer
from providers.claude.notices import NOT_READ
from providers.claude.options import CHECKPOINTS, DEFAULT_MODEL, probe_arguments, prompt_uuid, user_message
from providers.claude.sdk_transport import CliTransport
from providers.claude.state import LiveState
from providers.program import Launch, Program
from providers.queue import EventQueue
from providers.tasks import TaskStarter
from ws.protocol.events import Notice, StopReason, ToolCall, TurnEnded

log = structlog.get_logger(__name__)
Answer = TypeVar("Answer")

SDK_MARKS = {"CLAUDE_CODE_ENTRYPOINT": "sdk-py", "CLAUDE_AGENT_SDK_VERSION": __version__}
"""What the SDK's own transport tells the CLI, which behaves by it."""

CONNECT_S = 30.0
"""Seen: 0.25–1 s; MCP servers of the user's configuration are waited for."""

CONTROL_S = 10.0
"""Seen: 5–10 ms."""

OBEY_S = 10.0
"""A turn that has not ended so long after an interrupt is ended with its CLI."""

AGAIN_S = 0.02
"""Before an interrupt that has overtaken its prompt is sent again."""

_SPENT_S = 3.0
"""For the totals of a process that follows one that was killed: without them they begin anew."""

_END_S = 0.5
"""For the life to end by itself once its CLI has."""

_NOT_UNDERSTOOD = Notice(
    level="info",
    code="unknown_event",
    text="Claude Code sent a message that this version does not understand.",
)

NOT_FOLLOWED = "This node could not follow Claude (its log says why): the next prompt resumes the session."
"""For a defect of ours, which the owner of the task logs."""

ODD_SHAPE = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What reading a message raises that is not as any CLI before wrote it."""

ENDED = "Claude Code has ended: the next prompt starts it again and resumes the session."


class ClaudeAgent:
    """See :class:`providers.base.Agent`. Made by :func:`open_agent`."""

    def __init__(
        self, spec: SessionSpec, launch: Launch, recorder: ProcessRecorder, start_task: TaskStarter, left: Left
    ) -> None:
        self._started_mode = spec.mode
        self._start_task = start_task
        marked = replace(launch, environment={**launch.environment, **SDK_MARKS, **CHECKPOINTS})
        self._launch = marked
        self._left = left
        self._sent: dict[str, Sequence[Prompt]] = {}
        """By uuid, until they are answered; with the lost ones that it took along."""
        self._is_first = spec.native_id is None and spec.fork_of is None
        """No turn of the native session has ended."""
        self._name = spec.new_native_id if self._is_first else None
        """What the native session will be called: a fork is one only once Claude has it."""
        self._process = Program(marked, start_task, recorder)
        self._transport = CliTransport(self._process)
        self._queue = EventQueue()
        self._state = LiveState(start_task, self._ask_cli, self._queue.put_now)
        self._approvals = Approvals(spec.path, self._queue.put_now)
        self._normalizer = Normalizer(
            spec.path, spec.native_id, spec.mode, command=launch.command, is_asked=lambda: self._approvals.has_open
        )
        options = ClaudeAgentOptions(can_use_tool=self._ask)
        self._client = ClaudeSDKClient(options, self._transport)
        self._connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._impatience: asyncio.TimerHandle | None = None
        self._is_closing = False
        self._is_over = False
        self._life = start_task(self._live(), name=f"claude-{spec.native_id or spec.new_native_id or 'new'}")

    @property
    def is_over(self) -> bool:
        """The CLI has ended or is ending."""
        return self._is_over

    @property
    def native_id(self) -> str | None:
        """Changes when the user lets Claude forget (/clear)."""
        return self._normalizer.native_id

    @property
    def left(self) -> Left:
        """For the next process, once this one is over."""
        return self._left

    def tell_with_next_turn(self, notice: Notice) -> None:
        """Between turns nothing is told, so it waits for the next one."""
        self._normalizer.tell_with_next_turn(notice)

    async def connected(self) -> None:
        """Wait for the handshake. Raises :class:`ProviderFailed`."""
        await self._connected

    def events(self) -> AsyncIterator[AgentEvent]:
        return self._queue.read()

    async def prompt(self, prompt: Prompt) -> None:
        if self._is_over:
            raise AgentGone(ENDED)
        lost: Sequence[Prompt] = ()
        if not prompt.text.lstrip().startswith("/"):  # a command is one only when it stands alone
            lost, self._left = self._left.lost, replace(self._left, lost=())
        uuid = prompt_uuid(prompt.message_id)
        self._normalizer.prompt_sent(uuid)
        for event in self._normalizer.called(self._name):
            self._queue.put_now(event)
        await self._send(uuid, prompt, lost)

    async def steer(self, prompt: Prompt) -> bool:
        """Always taken while a turn runs: if Claude reads it only after its answer, that belongs to the same turn."""
        if self._is_over or not self._normalizer.takes_more:
            return False
        uuid = prompt_uuid(prompt.message_id)
        self._normalizer.prompt_given(uuid)
        await self._send(uuid, prompt)
        return True

    async def _send(self, uuid: str, prompt: Prompt, lost: Sequence[Prompt] = ()) -> None:
        async def messages() -> AsyncIterator[dict[str, Any]]:
            yield user_message(prompt, uuid, lost)

        self._sent[uuid] = (*lost, prompt)
        try:
            await self._client.query(messages())
        except ClaudeSDKError as error:
            log.info("claude_prompt_not_taken", reason=str(error)[:200])
            self._process.kill()  # a CLI that no longer reads has failed: the turn ends with it

    async def interrupt(self) -> None:
        if not self._normalizer.has_turn:
            return
        unread = self._normalizer.unread
        self._normalizer.interrupt_sent()
        if self._impatience is None:
            self._impatience = asyncio.get_running_loop().call_later(OBEY_S, self._process.kill)
        try:
            for uuid in unread:
                await self._take_back(uuid)
            while self._normalizer.is_interrupted:
                queued = (await self._ask_cli("be interrupted", subtype="interrupt")).get("still_queued")
                if not isinstance(queued, list) or not any(uuid in queued for uuid in self._normalizer.unanswered):
                    break  # else it has overtaken the prompt, which goes on
                await asyncio.sleep(AGAIN_S)
        except ProviderFailed as failure:
            log.warning("claude_interrupt_not_answered", reason=str(failure))  # its patience ends after OBEY_S
            return
        if self._normalizer.is_interrupted and self._normalizer.is_resting:  # no result follows
            self._approvals.withdraw_all()
            self._settle_turn()

    async def _take_back(self, uuid: str) -> None:
        """A prompt that waits in the CLI would begin a turn after the interrupted one."""
        answer = await self._ask_cli("take a prompt back", subtype="cancel_async_message", message_uuid=uuid)
        if answer.get("cancelled") and self._normalizer.has_turn:
            self._normalizer.prompt_taken_back(uuid)
            self._queue.put_now(NOT_READ)

    async def answer(self, approval: str, decision: Decision) -> None:
        self._approvals.answer(approval, decision)

    async def set_model(self, model: str | None, effort: str | None) -> None:
        chosen = None if model == DEFAULT_MODEL else model
        await self._control("change the model", lambda: self._client.set_model(chosen))
        if effort is not None:
            # The SDK has no call for the effort; this request sets it from the next model request on (CLI 2.1.329).
            settings = {"effortLevel": effort}
            await self._ask_cli("change the effort", subtype="apply_flag_settings", settings=settings)

    async def set_mode(self, mode: str) -> None:
        if mode == BYPASS and self._started_mode != BYPASS:
            raise ProviderFailed("Claude can stop asking only from its start: begin a new session in that mode.")
        before = self._normalizer.mode_set(mode)
        try:
            await self._ask_cli(f"change to mode {mode}", subtype="set_permission_mode", mode=mode)
        except ProviderFailed:
            self._normalizer.mode_set(before)
            raise

    async def stop_task(self, task: str) -> None:
        if task not in self._state.tasks:
            raise KeyError(task)
        await self._ask_cli("stop that task", subtype="stop_task", task_id=task)

    async def go_back(self, to: GoingBack) -> WentBack:
        """See `rewind` for what of the files is put back. The transcript is not changed: resuming cuts it."""
        native_id = self._normalizer.native_id
        if self._normalizer.has_turn:
            raise ProviderFailed("Claude works on something: stop it before you go back.")
        if native_id is None:
            raise ProviderFailed("Claude has no turn yet to go back from.")
        if to.before is not None:
            about = probe_arguments(native_id, to.before)
            with refusals_of("say whether it can go back"):
                async with asyncio.timeout(CONNECT_S):
                    await handshake(self._launch.command, self._launch.environment, self._start_task, about)
        files = await rewind.put_back(to, self._rewind_files) if to.code else ()
        return WentBack(files, None if to.before is None else native_id, to.before)

    async def _rewind_files(self, request: dict[str, Any]) -> Mapping[str, Any]:
        return await self._ask_cli("go back", **request)

    async def close(self) -> None:
        self._is_closing = True
        await self._process.close()
        _, pending = await asyncio.wait({self._life}, timeout=_END_S)
        if pending:  # nobody reads the events: what is left of them is dropped
            self._queue.close()
            await asyncio.wait({self._life}, timeout=_END_S)

    async def _live(self) -> None:
        """The whole life of the client, in one task as the SDK asks."""
        failure: ProviderFailed | None = ProviderFailed(NOT_FOLLOWED)
        try:
            with refusals_of("start"):
                async with asyncio.timeout(CONNECT_S):
                    await self._client.connect()
            await self._begin()
            self._settle(None)
            await self._read()
            failure = None
        except ProviderFailed as error:
            failure = None if self._is_closing else error
            self._settle(error)
        except asyncio.CancelledError:
            failure = None
            raise
        finally:
            await self._end(failure)

    async def _begin(self) -> None:
        """What is known before the first turn."""
        if self._left.spent is not None:
            with suppress(ProviderFailed, TimeoutError):
                async with asyncio.timeout(_SPENT_S):
                    counted = await self._ask_cli("count", subtype="get_usage")
                self._normalizer.spent_before = usage.missing(self._left.spent, counted)
        if (native_id := self._normalizer.native_id) is not None:
            self._normalizer.tasks_were(await asyncio.to_thread(tasks, self._launch.environment, native_id))
        info = await self._client.get_server_info() or {}
        self._state.connected(info.get("commands"))

    def _settle(self, failure: ProviderFailed | None) -> None:
        """Tell who waits for the handshake, if somebody still does."""
        if self._connected.done():
            return
        if failure is None:
            self._connected.set_result(None)
        else:
            self._connected.set_exception(failure)

    async def _read(self) -> None:
        """Every message until the CLI ends; raises :class:`ProviderFailed` unless it was told to end."""
        while True:
            try:
                async for message in self._client.receive_messages():
                    await self._pass_on(message)
            except (ClaudeSDKError, *ODD_SHAPE) as error:  # a shape that nobody knows; the next one may be fine
                log.warning("claude_message_not_understood", kind=type(error).__name__, reason=str(error)[:200])
                if self._normalizer.has_turn:
                    await self._queue.put(_NOT_UNDERSTOOD)
                continue
            if not self._is_closing:
                raise ProviderFailed(ENDED)
            return

    async def _pass_on(self, message: Message) -> None:
        await self._queue.room()
        if isinstance(message, SystemMessage):
            state = self._state.told(message.subtype, message.data)
            if state is not None:
                self._queue.put_now(state)
                if not self._state.has_agents:
                    self._settle_turn(at_once=True)
        self._tell(self._normalizer.feed(message))

    def _tell(self, events: Iterable[AgentEvent]) -> None:
        """All at once: what is asked and answered beside it may begin or end a turn too."""
        for event in events:
            if isinstance(event, TurnEnded):
                self._turn_is_over()
                self._is_first = False
            self._queue.put_now(event)
            if isinstance(event, ToolCall):
                self._approvals.call_shown(event.tool_call_id)

    def _settle_turn(self, *, at_once: bool = False) -> None:
        """See :meth:`Normalizer.settle`: perhaps nobody is asked any more."""
        if not self._is_over:
            self._tell(self._normalizer.settle(at_once=at_once))

    async def _ask(self, name: str, arguments: dict[str, Any], context: ToolPermissionContext) -> PermissionResult:
        self._tell(self._normalizer.asked_about(context.tool_use_id))
        try:
            answer = await self._approvals.ask(name, arguments, context)
        except BaseException:
            self._settle_turn(at_once=not self._state.has_agents)  # taken back, perhaps with the last of them
            raise
        self._normalizer.answered(context.tool_use_id)
        self._settle_turn()
        return answer

    def _turn_is_over(self) -> None:
        self._approvals.withdraw_all()
        unanswered = self._normalizer.unanswered
        self._sent = {uuid: prompts for uuid, prompts in self._sent.items() if uuid in unanswered}
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None

    async def _end(self, failure: ProviderFailed | None) -> None:
        """Tell the end of the turn at once, and the end of the agent when its process is surely gone."""
        self._is_over = True
        self._state.close()
        environment = self._launch.environment
        self._left = await look(self._normalizer, self._left, self._sent, environment, is_first=self._is_first)
        self._turn_is_over()
        is_wanted = failure is None or self._normalizer.is_interrupted
        reason: StopReason = "cancelled" if is_wanted else "error"
        while self._normalizer.has_turn:
            for event in self._normalizer.finish(reason, None if is_wanted else str(failure)):
                self._queue.put_now(event)
        await self._client.disconnect()
        self._queue.close(failure)

    async def _ask_cli(self, what: str, **request: Any) -> Mapping[str, Any]:
        """A control request that the SDK has no call for."""
        return await self._control(what, lambda: self._transport.request(request))

    async def _control(self, what: str, call: Callable[[], Awaitable[Answer]]) -> Answer:
        if self._is_over:
            raise ProviderFailed(ENDED)
        with refusals_of(what):
            async with asyncio.timeout(CONTROL_S):
                return await call()


async def open_agent(
    spec: SessionSpec, launch: Launch, recorder: ProcessRecorder, start_task: TaskStarter, left: Left
) -> ClaudeAgent:
    """Start a CLI and shake hands. Raises :class:`ProviderFailed`; then nothing of it is left."""
    agent = ClaudeAgent(spec, launch, recorder, start_task, left)
    try:
        await agent.connected()
    except BaseException:
        await agent.close()
        raise
    return agent
