"""A program of an agent: started with our environment, spoken to in lines, ended with all that it started.

It leads a process group of its own. What it starts there (servers of tools, the program behind a launcher) ends with
it; what it starts elsewhere (commands, which CLIs give groups of their own) is ended when it has failed or was killed,
and is left alone after an end in order: such a thing was meant to stay.
"""

import asyncio
import os
import shlex
import signal
from asyncio.subprocess import PIPE, Process, SubprocessStreamProtocol
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from providers import pipes
from providers.base import AgentProcess, ProcessRecorder, ProviderFailed
from providers.process import MARK, end_family, identify, marked
from providers.tasks import TaskStarter

_EXIT_S = 2.0
"""Between the end of the input, or of the output, and the exit. Seen: 10–200 ms."""

_GRACE_S = 0.5
"""For what gets SIGTERM, and for what is left in the group after the exit."""

_QUIET_S = 1.0
"""After the exit the output is over when nothing has come for so long: somebody outside the group may hold it open."""

_REAP_S = 1.0
_POLL_S = 0.02
_STDOUT, _STDERR = 1, 2
_MAX_SAID_CHARS = 300
_ENDED_BY_SOMEBODY = {-signal.SIGHUP, -signal.SIGINT, -signal.SIGKILL, -signal.SIGTERM}


@dataclass(frozen=True)
class Launch:
    """What a program is started with. `name` is what people call it.

    `command` is what people run by hand, `arguments` are ours. `environment` is complete: nothing else is inherited.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exit:
    """How a program ended; as text a clause without a full stop.

    `code` is −N for signal N, and None when only its output has ended. `said` are the last lines of its standard error.
    `is_wanted`: it was being closed.
    """

    name: str
    code: int | None
    said: tuple[str, ...] = ()
    is_wanted: bool = False

    def __str__(self) -> str:
        if self.code is None:
            how = "closed its output"
        elif self.code < 0:
            how = f"was ended by signal {-self.code}"
        else:
            how = f"ended with exit code {self.code}" if self.code else "ended"
        words = (line.strip() for line in reversed(self.said) if sum(map(str.isalpha, line)) >= 3)
        last = "" if self.code in _ENDED_BY_SOMEBODY else next(words, "")[:_MAX_SAID_CHARS]
        return f"{self.name} {how}" + (f" ({last})" if last else "")


class _Protocol(SubprocessStreamProtocol):
    """Tells the exit of the process itself: `Process.wait` also waits for pipes, which its children may hold open.

    `received` counts the bytes of its output, `heard_s` is when the last ones came.
    """

    def __init__(self, on_exit: Callable[[], None]) -> None:
        self._clock = asyncio.get_running_loop()
        super().__init__(limit=pipes.READ_BYTES, loop=self._clock)
        self._on_exit = on_exit
        self.received = 0
        self.heard_s = 0.0

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        if fd == _STDOUT:
            self.received += len(data)
            self.heard_s = self._clock.time()
        super().pipe_data_received(fd, data)

    def process_exited(self) -> None:
        super().process_exited()
        self._on_exit()


class Program:
    """A running program. `start` first, `close` last; both once. With a `recorder` it is recorded when it starts."""

    def __init__(self, launch: Launch, start_task: TaskStarter, recorder: ProcessRecorder | None = None) -> None:
        self._launch = launch
        self._start_task = start_task
        self._recorder = recorder
        self._recorded: AgentProcess | None = None
        self._process: Process | None = None
        self._protocol: _Protocol | None = None
        self._transport: asyncio.SubprocessTransport | None = None
        self._taken = 0
        self._taken_s = 0.0
        self._identity: AgentProcess | None = None
        self._exited = asyncio.Event()
        self._exited_s = 0.0
        self._group_gone = asyncio.Event()
        self._stderr = pipes.LastWords()
        self._stderr_read: asyncio.Task[None] | None = None
        self._is_closing = False
        self._closing = asyncio.Lock()

    @property
    def is_running(self) -> bool:
        return self._process is not None and not self._exited.is_set()

    async def start(self) -> None:
        """Raises :class:`ProviderFailed` when the folder is gone or the program cannot be run."""
        launch = self._launch
        if not await asyncio.to_thread(launch.folder.is_dir):
            raise ProviderFailed(f"The folder {launch.folder} is gone: choose another one.")
        environment = marked({**launch.environment, "PWD": str(launch.folder)})
        process = self._process = await self._run(environment)
        if self._exited.is_set():  # before its pid was known here
            self._has_exited()
        assert process.stderr is not None, "stderr is a pipe"
        name = Path(launch.command[0]).name
        try:
            self._stderr_read = self._start_task(self._stderr.read(process.stderr), name=f"stderr-{name}-{process.pid}")
            self._identity = await asyncio.to_thread(identify, process.pid, name, environment[MARK])
        except BaseException:
            self.kill()
            raise
        if self._recorder is not None:
            self.record(self._recorder)

    def record(self, recorder: ProcessRecorder) -> None:
        """Tell the owner of the sessions of this process; once, by the first who has one."""
        if self._identity is not None and self._recorded is None:
            self._recorder, self._recorded = recorder, self._identity
            recorder.started(self._identity)

    async def write(self, data: bytes) -> None:
        """Raises OSError when the program is gone (ConnectionError) or does not read (TimeoutError)."""
        try:
            await pipes.write(self._stdin(), data)
        except RuntimeError as error:  # uvloop, once it has closed the pipe
            raise BrokenPipeError(str(error)) from error

    def end_input(self) -> None:
        self._stdin().close()

    async def lines(self) -> AsyncIterator[bytes]:
        """Every line of output until it ends; raises :class:`ProviderFailed`, the program killed, for too long a one.

        Once the program has exited the output ends when nothing has come for a second, whoever holds it open.
        """
        stdout = self._process.stdout if self._process else None
        assert stdout is not None, "lines are read after start"

        async def read(most_bytes: int) -> bytes:
            chunk = await stdout.read(most_bytes)
            self._taken += len(chunk)
            self._taken_s = asyncio.get_running_loop().time()  # what waited in the pipe comes only now
            return chunk

        try:
            async for line in pipes.lines(read):
                yield line
        except pipes.LineTooLong as error:
            self.kill()
            await pipes.drop_rest(stdout)
            raise ProviderFailed(f"{self._launch.name} sent {error}: the next prompt starts it again.") from error

    async def ended(self) -> Exit:
        """Wait for the exit that follows the end of the output, at most 3 s."""
        assert self._process is not None, "waited for after start"
        await self._exits_within(_EXIT_S)
        if self._stderr_read is not None:
            await asyncio.wait({self._stderr_read}, timeout=_REAP_S)
        return Exit(self._launch.name, self._process.returncode, tuple(self._stderr.lines), self._is_closing)

    async def close(self) -> None:
        """End the input, wait for the exit, then end what is left of it; within 5 s. Idempotent."""
        self._is_closing = True
        async with self._closing:
            process, identity = self._process, self._identity
            if process is None or identity is None:
                return
            had_exited = self._exited.is_set()
            self._stdin().close()
            has_exited = await self._exits_within(_EXIT_S)
            code = process.returncode or 0
            if not has_exited or code < 0 or (had_exited and code):  # it leaves what it has started in other groups
                await end_family(identity, grace_s=_GRACE_S)
                self.kill()
                await self._exits_within(_REAP_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._group_gone.wait(), _REAP_S)
            self._identity = None
            if self._transport is not None:
                self._transport.close()  # by itself only in a later turn, which the last program's loop may not have
            if self._recorder is not None and self._recorded is not None:
                self._recorder.ended(self._recorded)

    async def stop(self) -> None:
        """End it and all that it started at once, without waiting for what it has to say."""
        if self.is_running and self._identity is not None:
            await end_family(self._identity, grace_s=_GRACE_S)

    def kill(self) -> None:
        """End it and its group at once: it no longer does what it is told."""
        if self.is_running:
            self._signal_group(signal.SIGKILL)

    async def _run(self, environment: Mapping[str, str]) -> Process:
        launch = self._launch
        loop = asyncio.get_running_loop()
        try:
            transport, protocol = await loop.subprocess_exec(
                lambda: _Protocol(self._has_exited),
                *launch.command,
                *launch.arguments,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                cwd=launch.folder,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            remedy = f"run `{shlex.join(launch.command)}` by hand on this machine to see why"
            raise ProviderFailed(f"{launch.name} cannot be started ({error.strerror or error}): {remedy}.") from error
        self._transport, self._protocol = transport, protocol
        return Process(transport, protocol, loop)

    async def _exits_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._exited.wait(), seconds)
        return self._exited.is_set()

    def _has_exited(self) -> None:
        self._exited.set()
        self._exited_s = asyncio.get_running_loop().time()
        if self._process is not None:
            self._end_group(asyncio.get_running_loop().time() + _GRACE_S)

    def _end_group(self, due: float) -> None:
        """What is left in the group may end by itself until `due`: it would keep our pipes, and is nobody's."""
        loop = asyncio.get_running_loop()
        is_due = loop.time() >= due
        if self._signal_group(signal.SIGKILL if is_due else 0) and not is_due:
            loop.call_later(_POLL_S, self._end_group, due)
        else:
            self._group_gone.set()
            self._end_output()

    def _end_output(self) -> None:
        """Close our ends of the pipes once all that came is taken and nothing more comes."""
        loop, protocol, transport = asyncio.get_running_loop(), self._protocol, self._transport
        if protocol is None or transport is None:
            return
        quiet_s = loop.time() - max(protocol.heard_s, self._taken_s, self._exited_s)
        is_untaken = protocol.received > self._taken and not self._is_closing
        if is_untaken or quiet_s < _QUIET_S:
            loop.call_later(_QUIET_S / 4, self._end_output)
            return
        for number in (_STDOUT, _STDERR):
            pipe = transport.get_pipe_transport(number)
            if pipe is not None:
                pipe.close()

    def _signal_group(self, number: int) -> bool:
        """Whether there was anybody; 0 only asks."""
        assert self._process is not None, "signalled after start"
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _stdin(self) -> asyncio.StreamWriter:
        stdin = self._process.stdin if self._process else None
        assert stdin is not None, "written to after start"
        return stdin
