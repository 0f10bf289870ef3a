"""The process of one agent: started in a group of its own, spoken to in lines, ended with all that it started."""

import asyncio
import os
import shutil
import signal
from asyncio.subprocess import SubprocessStreamProtocol
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from providers import pipes
from providers.base import AgentProcess, ProcessRecorder, ProviderFailed
from providers.process import MARK, end_family, identify, marked
from providers.tasks import TaskStarter

_EXIT_S = 2.0
"""Seen: Qwen Code ends 0.2 s after the end of its input."""

_REAP_S = 1.0


def resolve(command: Sequence[str], environment: Mapping[str, str], tools: Path | None) -> tuple[str, ...] | None:
    """The command with the whole path of its program: as it stands, else on the PATH, else installed below `tools`.

    None when it is nowhere. Blocks.
    """
    if not command:
        return None
    program = shutil.which(command[0], path=environment.get("PATH"))
    if program is None and tools is not None and os.sep not in command[0]:
        program = next(map(str, sorted(tools.glob(f"*/node_modules/.bin/{command[0]}"))), None)
    return (program, *command[1:]) if program else None


@dataclass(frozen=True)
class Launch:
    """What an agent is started with; `environment` is complete, nothing is inherited beside it.

    `name` is what people call it.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]


class _Protocol(SubprocessStreamProtocol):
    """Tells the exit of the process itself: its output may be held open by what it started."""

    def __init__(self, on_exit: Callable[[], None]) -> None:
        super().__init__(limit=pipes.READ_BYTES, loop=asyncio.get_running_loop())
        self._on_exit = on_exit

    def process_exited(self) -> None:
        super().process_exited()
        self._on_exit()


class AgentProgram:
    """A running agent. `start` first, `close` last; both once."""

    def __init__(self, launch: Launch, start_task: TaskStarter, recorder: ProcessRecorder) -> None:
        self._launch = launch
        self._start_task = start_task
        self._recorder = recorder
        self._process: asyncio.subprocess.Process | None = None
        self._identity: AgentProcess | None = None
        self._exited = asyncio.Event()
        self._stderr = pipes.LastWords()
        self._stderr_read: asyncio.Task[None] | None = None
        self._is_closing = False
        self._closing = asyncio.Lock()

    async def start(self) -> None:
        """Raises :class:`ProviderFailed` when the folder or the program is not there."""
        launch = self._launch
        if not await asyncio.to_thread(launch.folder.is_dir):
            raise ProviderFailed(f"The folder {launch.folder} is gone: choose another one.")
        environment = marked({**launch.environment, "PWD": str(launch.folder)})
        loop = asyncio.get_running_loop()
        try:
            transport, protocol = await loop.subprocess_exec(
                lambda: _Protocol(self._has_exited),
                *launch.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=launch.folder,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise ProviderFailed(f"{launch.name} cannot be started: {error.strerror or error}.") from error
        self._process = asyncio.subprocess.Process(transport, protocol, loop)
        self._identity = await asyncio.to_thread(
            identify, self._process.pid, Path(launch.command[0]).name, environment[MARK]
        )
        self._recorder.started(self._identity)
        assert self._process.stderr is not None, "stderr is a pipe"
        self._stderr_read = self._start_task(
            self._stderr.read(self._process.stderr), name=f"acp-stderr-{self._process.pid}"
        )

    async def write(self, line: bytes) -> None:
        """One line with its line break. Raises OSError when the agent is gone (ConnectionError) or does not read."""
        assert self._process is not None, "written to after start"
        assert self._process.stdin is not None, "stdin is a pipe"
        await pipes.write(self._process.stdin, line)

    async def lines(self) -> AsyncIterator[bytes]:
        """Every line of output until the agent ends; raises :class:`ProviderFailed` for one that is too long."""
        stdout = self._process.stdout if self._process else None
        assert stdout is not None, "lines are read after start"
        try:
            async for line in pipes.lines(stdout):
                yield line
        except pipes.LineTooLong as error:
            raise ProviderFailed(f"{self._launch.name} sent {error}.") from error

    async def ending(self) -> str:
        """How the agent ended, once its output has: a clause without a full stop."""
        assert self._process is not None, "asked after start"
        with suppress(TimeoutError):
            await asyncio.wait_for(self._exited.wait(), _REAP_S)
        if self._stderr_read is not None:
            await asyncio.wait({self._stderr_read}, timeout=_REAP_S)
        code = self._process.returncode
        if code is None:
            how = "closed its output"
        elif code < 0:
            how = f"was ended by signal {-code}"
        else:
            how = f"ended with exit code {code}"
        said = (line.strip() for line in reversed(self._stderr.lines) if sum(map(str.isalpha, line)) >= 3)
        last = "" if self._is_closing or (code or 0) < 0 else next(said, "")[:300]
        return f"{self._launch.name} {how}" + (f" ({last})" if last else "")

    async def close(self) -> None:
        """End the input, wait for the exit, then end what is left of its process family; within 5 s. Idempotent."""
        self._is_closing = True
        async with self._closing:
            process, identity = self._process, self._identity
            if process is None or identity is None:
                return
            if self._exited.is_set() and process.returncode != 0:  # it has left what it had started in other groups
                await end_family(identity, grace_s=0.5)
            if process.stdin is not None:
                process.stdin.close()
            try:
                await asyncio.wait_for(self._exited.wait(), _EXIT_S)
            except TimeoutError:
                await end_family(identity, grace_s=0.5)
                self.kill()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._exited.wait(), _REAP_S)
            self._identity = None
            self._recorder.ended(identity)

    def kill(self) -> None:
        """End the agent and its group at once: it no longer does what it is told."""
        if self._process is not None:
            self._end_group(self._process.pid)

    def _has_exited(self) -> None:
        """What it started in its group ends with it: it would keep our pipes, and nobody would ever end it."""
        self._exited.set()
        if self._process is not None:
            self._end_group(self._process.pid)

    @staticmethod
    def _end_group(group: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
