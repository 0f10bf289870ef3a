"""A session by `codex exec --json`: one process a turn, which answers nothing and is asked nothing."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import msgspec

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
from providers.codex import errors, notices
from providers.codex.exec_events import ExecEvents
from providers.codex.modes import READ_ONLY, RULES, WITHOUT_ASKING
from providers.codex.settings import chosen
from providers.program import Launch, Program
from providers.queue import EventQueue
from providers.tasks import TaskStarter
from ws.protocol.events import StopReason

VERSION_S = 10.0
_END_S = 4.0
_VERSION = re.compile(rb"(\d+(?:\.\d+)+\S*)")


async def version_of(command: Sequence[str], environment: Mapping[str, str], start_task: TaskStarter) -> str | None:
    """What `codex --version` says; None when it does not work. Raises TimeoutError."""
    process = Program(Launch("Codex", tuple(command), Path.home(), environment, ("--version",)), start_task)
    try:
        async with asyncio.timeout(VERSION_S):
            await process.start()
            said = b"".join([line async for line in process.lines()])
            end = await process.ended()
    except ProviderFailed:
        return None
    finally:
        await process.close()
    found = _VERSION.search(said)
    return found.group(1).decode() if found and end.code == 0 else None


def _without_asking(mode: str | None) -> str:
    """A session that was to be asked must not act unasked: it then only reads."""
    return mode if mode in WITHOUT_ASKING else READ_ONLY


class ExecAgent:
    """See :class:`providers.base.Agent`."""

    def __init__(
        self,
        spec: SessionSpec,
        command: Sequence[str],
        environment: Mapping[str, str],
        recorder: ProcessRecorder,
        start_task: TaskStarter,
    ) -> None:
        if spec.fork_of is not None:
            raise ProviderFailed(
                "`codex exec` cannot fork: install a Codex with an app-server, or start a new session."
            )
        self._spec = spec
        self._mode = _without_asking(spec.mode)
        self._model, self._effort = spec.model, spec.effort
        self._command = tuple(command)
        self._environment = environment
        self._recorder = recorder
        self._start_task = start_task
        self._queue = EventQueue()
        self._events = ExecEvents(spec.path, spec.native_id, command)
        self._process: Program | None = None
        self._running: asyncio.Task[None] | None = None
        self._is_interrupted = False
        self._is_over = False

    @property
    def is_over(self) -> bool:
        return self._is_over

    @property
    def native_id(self) -> str:
        """Empty before the first turn of a new session."""
        return self._events.thread or ""

    def events(self) -> AsyncIterator[AgentEvent]:
        return self._queue.read()

    async def prompt(self, prompt: Prompt) -> None:
        if self._is_over:
            raise AgentGone(errors.ENDED)
        self._is_interrupted = False
        if prompt.attachments:
            self._queue.put_now(notices.warning("`codex exec` takes no pictures and no files: they were left out."))
        launch = Launch("Codex", self._command, self._spec.path, self._environment, self._arguments())
        process = self._process = Program(launch, self._start_task, self._recorder)
        await process.start()
        self._running = self._start_task(self._run(process, prompt), name=f"codex-exec-{self.native_id or 'new'}")
        await asyncio.sleep(0)  # let it begin: a task that is cancelled before would not end its turn

    async def interrupt(self) -> None:
        if self._process is not None and self._running is not None and not self._running.done():
            self._is_interrupted = True
            await self._process.stop()

    async def answer(self, approval: str, decision: Decision) -> None:
        raise KeyError(approval)

    async def set_model(self, model: str | None, effort: str | None) -> None:
        self._model, self._effort = model, effort

    async def set_mode(self, mode: str) -> None:
        if mode not in WITHOUT_ASKING:
            raise ProviderFailed(f"Codex has no mode {mode} here: choose one of {', '.join(WITHOUT_ASKING)}.")
        self._mode = mode

    async def steer(self, prompt: Prompt) -> bool:
        return False

    async def stop_task(self, task: str) -> None:
        raise KeyError(task)

    async def go_back(self, to: GoingBack) -> WentBack:
        raise ProviderFailed("`codex exec` cannot go back: install a Codex with an app-server, or start a new session.")

    async def close(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        await self.interrupt()
        if self._running is not None:
            await asyncio.wait({self._running}, timeout=_END_S)
        self._queue.close()

    def _arguments(self) -> tuple[str, ...]:
        """The prompt comes by standard input. Values are quoted as TOML, so that none is anything else."""
        rules = RULES[self._mode]
        given = {
            "approval_policy": "never",
            "sandbox_mode": rules.sandbox,
            "model": chosen(self._model),
            "model_reasoning_effort": self._effort,
        }
        values = [f"-c={name}={msgspec.json.encode(value).decode()}" for name, value in given.items() if value]
        resume = ("resume", self.native_id) if self.native_id else ()
        return ("exec", *resume[:1], "--json", "--skip-git-repo-check", *values, *resume[1:], "-")

    async def _run(self, process: Program, prompt: Prompt) -> None:
        """A turn; whatever happens, its last event is TurnEnded."""
        failure: ProviderFailed | None = ProviderFailed(errors.NOT_FOLLOWED)
        reason: StopReason | None = None
        try:
            failure = await self._read(process, prompt)
        except ProviderFailed as error:
            failure = error
        except asyncio.CancelledError:
            failure, reason = None, "cancelled"
            raise
        finally:
            await process.close()
            if self._is_interrupted or self._is_over:
                failure, reason = None, "cancelled"
            elif failure is not None:
                reason = "error"
            for event in self._events.finish(reason, str(failure) if failure else None):
                self._queue.put_now(event)
            if failure is not None:
                self._is_over = True
                self._queue.close(failure)

    async def _read(self, process: Program, prompt: Prompt) -> ProviderFailed | None:
        """What it says until it ends. Returns why it died, None when it said the end of the turn."""
        try:
            await process.write(prompt.text.encode())
            process.end_input()
        except OSError:
            pass  # it has ended already, and its last words say why
        async for line in process.lines():
            for event in self._events.feed(line):
                await self._queue.put(event)
        end = await process.ended()
        return None if self._events.is_turn_over else ProviderFailed(f"{end}: {errors.RESUMES}.")
