"""The life of a session's agent: opened when a turn needs it, read as long as it lives, closed when it idles."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import structlog

from node.sessions.host import Host, Staff
from node.sessions.serial import Serial
from providers.base import (
    Agent,
    AgentEvent,
    AgentGone,
    Decision,
    Prompt,
    ProviderFailed,
    SessionSpec,
)
from ws.defects import internal_error
from ws.protocol.errors import WireError
from ws.protocol.events import ModeChanged

Result = TypeVar("Result")
log = structlog.get_logger(__name__)

OPEN_DEADLINE_S = 60.0
"""An agent's program may take seconds to start on a busy machine."""
ACT_DEADLINE_S = 10.0
"""For an agent to take an interrupt, an answer or a setting."""
VISIT_DEADLINE_S = 30.0
"""For an agent to answer what may touch many files."""
CLOSE_DEADLINE_S = 5.0
MAX_WAITING_EVENTS = 64
"""Events read while earlier ones are being written; they are written together. With 1 MiB each this is the bound."""
RETRY_S = 2.0
"""When the end of a turn cannot be written (the disk is full), it is tried again this often."""

SILENT = "The agent did not answer in time and was ended; try again."
ENDED_BY_ITSELF = "The agent has ended in the middle of its turn; send another prompt to go on from where it was."


class AgentEnding(Exception):
    """The last agent is still ending, which needs the session's serial: leave it, wait for `Actor.ended`, come back."""


class Actor:
    """Called from within the session's serial, but for `close` and the settings.

    `run` is the one task that reads the agent; it lives as long as there is an agent or a prompt for one.
    """

    def __init__(self, host: Host, serial: Serial, staff: Staff, *, name: str) -> None:
        self._host = host
        self._serial = serial
        self._staff = staff
        self._name = name
        self._agent: Agent | None = None
        self._dismissed: Agent | None = None
        self._summons: asyncio.Future[Agent] | None = None
        self._due: Prompt | None = None
        self._task: asyncio.Task[None] | None = None
        self._life: asyncio.Future[None] | None = None
        self._is_opening = False
        self._inbox: deque[AgentEvent] = deque()
        self._failure = ""
        self._is_closing = False
        self._telling = asyncio.Lock()

    @property
    def is_live(self) -> bool:
        """True while there is an agent, or one is being opened or closed."""
        return self._task is not None

    @property
    def has_due(self) -> bool:
        """True while the running turn's prompt has not reached an agent."""
        return self._due is not None

    def begin(self, prompt: Prompt) -> None:
        """The turn of this prompt has been journalled: give it to the agent, opening one if need be."""
        self._due = prompt
        if self._is_closing:
            return
        if self._agent is not None:
            _ = self._staff.owner.start(self._deliver(self._agent, is_new=False), name=f"{self._name} prompt")
        else:
            self._ensure_running()

    def take_back(self) -> bool:
        """True when the turn's prompt had not reached an agent, and now never will."""
        is_taken_back = self._due is not None
        self._due = None
        return is_taken_back

    def interrupt(self) -> None:
        """Ask the agent to end its turn."""
        self._ask("interrupt", lambda agent: agent.interrupt())

    def answer(self, approval: str, decision: Decision) -> None:
        """Hand an answer on; an agent that has withdrawn the approval meanwhile needs none."""

        async def give(agent: Agent) -> None:
            try:
                await agent.answer(approval, decision)
            except KeyError:
                log.info("approval_withdrawn_meanwhile", session=self._name)

        self._ask("answer", give)

    def restore_mode(self, mode: str) -> None:
        """Have the agent go back to this mode."""
        self._ask("mode", lambda agent: agent.set_mode(mode))

    async def set_mode(self, mode: str) -> None:
        """Raises ProviderFailed when the agent refuses; nothing happens when there is none."""
        if self._agent is not None:
            async with asyncio.timeout(ACT_DEADLINE_S):
                await self._agent.set_mode(mode)

    async def set_model(self, model: str | None, effort: str | None) -> None:
        """As `set_mode`."""
        if self._agent is not None:
            async with asyncio.timeout(ACT_DEADLINE_S):
                await self._agent.set_model(model, effort)

    @property
    def takes_steering(self) -> bool:
        """Whether an agent lives that has got the running turn's prompt."""
        return self._agent is not None and self._due is None and not self._is_closing

    async def steer(self, prompt: Prompt) -> bool:
        """Give a prompt to the running turn; False when it was not taken.

        When the agent does not say, it counts as taken, and the agent is ended: it must not be done twice.
        """
        agent = self._agent
        if agent is None:
            return False
        try:
            async with self._telling, asyncio.timeout(ACT_DEADLINE_S):
                return await agent.steer(prompt)
        except ProviderFailed:
            return False
        except Exception as error:  # noqa: BLE001 (the boundary to foreign code)
            self._fail(agent, self._sentence(error, SILENT))
            await self._close_agent(agent)
            return True

    async def stop_task(self, task: str) -> None:
        """Raises KeyError when the agent has no such task (any more), TimeoutError, ProviderFailed."""
        if self._agent is None:
            raise KeyError(task)
        async with asyncio.timeout(ACT_DEADLINE_S):
            await self._agent.stop_task(task)

    async def visit(self, ask: Callable[[Agent], Awaitable[Result]]) -> Result:
        """What an agent answers, which is opened for it if none lives. Only between turns.

        Raises ProviderFailed, and AgentEnding when another one must end first.
        """
        agent = self._agent or await self._summoned()
        try:
            async with self._telling, asyncio.timeout(VISIT_DEADLINE_S):
                return await ask(agent)
        except ProviderFailed:
            raise
        except Exception as error:
            self.dismiss()
            raise ProviderFailed(self._sentence(error, SILENT)) from error

    async def ended(self) -> None:
        """Wait for the end of the agent that is ending; not within the serial. Raises TimeoutError."""
        if self._agent is None and self._life is not None:
            async with asyncio.timeout(VISIT_DEADLINE_S):
                await asyncio.wait({self._life})

    def dismiss(self) -> None:
        """As `retire`; what the agent still says is not heard."""
        self._dismissed = self._agent
        self._inbox.clear()
        self.retire()

    def retire(self) -> None:
        """End the agent; the next turn opens another one, after this one is gone."""
        if self._agent is not None:
            _ = self._staff.owner.start(self._close_agent(self._agent), name=f"{self._name} close")
            self._agent = None

    async def close(self) -> None:
        """End the agent and wait for it, at most twice CLOSE_DEADLINE_S. Whoever calls it begins no turn meanwhile."""
        self._is_closing = True
        try:
            if self._agent is not None:
                await self._close_agent(self._agent)
            if self._task is not None:
                _, late = await asyncio.wait({self._task}, timeout=CLOSE_DEADLINE_S)
                for task in late:
                    task.cancel()
        finally:
            self._is_closing = False

    def _ensure_running(self) -> None:
        if self._task is None:
            self._is_opening = True
            self._task = self._staff.owner.start(self._run(), name=f"{self._name} agent")

    async def _summoned(self) -> Agent:
        if self._is_closing:
            raise ProviderFailed("The session is closing; try again.")
        if self._task is not None and not self._is_opening:
            raise AgentEnding
        summons: asyncio.Future[Agent] = asyncio.get_running_loop().create_future()
        self._summons = summons
        self._ensure_running()
        return await summons

    async def _run(self) -> None:
        try:
            while (self._due is not None or self._summons is not None) and not self._is_closing:
                self._life, self._is_opening = asyncio.get_running_loop().create_future(), True
                try:
                    await self._live()
                finally:
                    self._life.cancel()
        finally:
            self._task = None
            self._answer_summons(ProviderFailed("The session is closing; try again."))

    def _answer_summons(self, answer: Agent | ProviderFailed) -> None:
        summons, self._summons = self._summons, None
        if summons is None or summons.done():
            return
        if isinstance(answer, ProviderFailed):
            summons.set_exception(answer)
        else:
            summons.set_result(answer)

    async def _live(self) -> None:
        """One agent from its opening to its end."""
        self._failure = ""
        self._host.process_is("starting")
        try:
            agent = await self._opened()
        except Exception as error:  # noqa: BLE001 (the boundary to foreign code: the turn must end with a word)
            self._is_opening = False
            refusal = self._sentence(error, f"The agent did not start within {OPEN_DEADLINE_S:g} s; try again.")
            self._host.process_is("none")
            self._answer_summons(ProviderFailed(refusal))
            await self._written(lambda: self._host.agent_refused(refusal))
            return
        self._agent, self._is_opening = agent, False
        self._host.process_is("live")
        self._answer_summons(agent)
        try:
            await self._deliver(agent, is_new=True)
            await self._read(agent)
        except Exception as error:  # noqa: BLE001 (as above)
            self._fail(agent, self._sentence(error, ENDED_BY_ITSELF))
        finally:
            self._agent = None
            await self._close_agent(agent)
            self._host.process_is("none")
        failure = self._failure or ENDED_BY_ITSELF
        await self._written(lambda: self._host.agent_ended(failure))

    async def _opened(self) -> Agent:
        async with asyncio.timeout(OPEN_DEADLINE_S):
            spec = self._host.spec()
            mode = await self._host.allowed_mode(spec.mode)
            agent = await self._staff.provider().open(replace(spec, mode=mode), self._staff.recorder)
            try:
                await self._catch_up(agent, spec)
            except BaseException:
                await self._close_agent(agent)
                raise
            if mode is not None and self._host.spec().mode == spec.mode != mode:
                self._inbox.append(ModeChanged(mode=mode))
            return agent

    async def _catch_up(self, agent: Agent, spec: SessionSpec) -> None:
        """Tell an agent what was changed while it was being opened with `spec`."""
        now = self._host.spec()
        if now.mode is not None and now.mode != spec.mode:
            await agent.set_mode(now.mode)
        if (now.model, now.effort) != (spec.model, spec.effort):
            await agent.set_model(now.model, now.effort)

    async def _deliver(self, agent: Agent, *, is_new: bool) -> None:
        """Give the prompt that is due to the agent. An agent that refuses it is ended, and its turn with it.

        One that had ended meanwhile has refused nothing: the prompt is left for the next one.
        """

        async def give() -> None:
            if self._due is None or self._agent is not agent:
                return  # taken back, or left for the next agent since this one is going
            prompt, self._due = self._due, None
            try:
                await agent.prompt(prompt)
            except AgentGone:
                if is_new:
                    raise
                self._due = prompt
                await self._close_agent(agent)

        await self._told(agent, give, "The agent did not take the prompt; send it again.")

    async def _read(self, agent: Agent) -> None:
        writing: asyncio.Future[None] | None = None
        async for event in agent.events():
            if agent is self._dismissed:
                continue
            self._inbox.append(event)
            if writing is None or writing.done():
                writing = self._serial.begin(lambda: self._write(agent))
            if len(self._inbox) >= MAX_WAITING_EVENTS:
                _ = await asyncio.wait({writing})
        if writing is not None:
            _ = await asyncio.wait({writing})

    async def _write(self, agent: Agent) -> None:
        """Hand over what was read. When that fails the agent must not go on unseen."""
        while self._inbox:
            events = list(self._inbox)
            self._inbox.clear()
            try:
                await self._host.take(events)
            except Exception as error:  # noqa: BLE001 (a full disk, or a defect in one event)
                self._fail(agent, self._sentence(error, ENDED_BY_ITSELF))
                _ = self._staff.owner.start(self._close_agent(agent), name=f"{self._name} close")
                return

    async def _written(self, end: Callable[[], Awaitable[None]]) -> None:
        """Have the end of a turn journalled, as soon as the disk takes it."""

        async def work() -> None:
            await end()

        while True:
            try:
                await self._serial.run(work)
            except WireError as error:
                log.warning("turn_end_not_written", session=self._name, reason=error.detail)
                if self._is_closing:
                    return
                await asyncio.sleep(RETRY_S)
            else:
                return

    def _ask(self, what: str, ask: Callable[[Agent], Awaitable[None]]) -> None:
        agent = self._agent
        if agent is not None:
            silent = f"The agent did not react ({what}) and was ended; send another prompt to go on."
            _ = self._staff.owner.start(self._told(agent, lambda: ask(agent), silent), name=f"{self._name} {what}")

    async def _told(self, agent: Agent, tell: Callable[[], Awaitable[None]], silent: str) -> None:
        """One thing after another, so that an interrupt finds the turn that its prompt began.

        An agent that does not take what it is told is ended: it must not go on by itself.
        """
        try:
            async with self._telling, asyncio.timeout(ACT_DEADLINE_S):
                await tell()
        except Exception as error:  # noqa: BLE001 (the boundary to foreign code)
            self._fail(agent, self._sentence(error, silent))
            await self._close_agent(agent)

    def _fail(self, agent: Agent, sentence: str) -> None:
        """Note why this agent ends; the first reason counts."""
        if self._agent is agent:
            self._failure = self._failure or sentence

    def _sentence(self, error: Exception, silent: str) -> str:
        """For people: the agent's own words, `silent` when it ran out of time, the id of a defect."""
        match error:
            case WireError():
                return error.detail
            case ProviderFailed():
                return str(error)
            case TimeoutError():
                return silent
            case _:
                return internal_error("agent_failed", error, session=self._name).detail

    async def _close_agent(self, agent: Agent) -> None:
        try:
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                await agent.close()
        except TimeoutError:
            log.warning("agent_did_not_close", session=self._name)
