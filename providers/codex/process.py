"""A process of the Codex CLI: started with our environment, spoken to in lines of JSON, ended for sure."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from providers import pipes
from providers.base import AgentProcess, ProcessRecorder, ProviderFailed
from providers.codex import errors
from providers.process import MARK, end_family, identify, marked
from providers.tasks import TaskStarter

_EXIT_S = 2.0
"""The app-server ends within 10 ms of the end of its input."""

_REAP_S = 1.0


@dataclass(frozen=True)
class Launch:
    """What a CLI is started with; `environment` is complete, nothing is inherited beside it."""

    command: tuple[str, ...]
    arguments: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]


class CodexProcess:
    """A running CLI in a process group of its own. `start` first, `close` last; both once."""

    def __init__(self, launch: Launch, start_task: TaskStarter) -> None:
        self._launch = launch
        self._start_task = start_task
        self._recorder = ProcessRecorder()
        self._process: asyncio.subprocess.Process | None = None
        self._identity: AgentProcess | None = None
        self._is_recorded = False
        self._stderr = pipes.LastWords()
        self._stderr_read: asyncio.Task[None] | None = None
        self._closing = asyncio.Lock()

    async def start(self) -> None:
        """Raises :class:`ProviderFailed` when the folder or the program is not there."""
        launch = self._launch
        if not await asyncio.to_thread(launch.folder.is_dir):
            raise ProviderFailed(f"The folder {launch.folder} is gone: choose another one.")
        environment = marked({**launch.environment, "PWD": str(launch.folder)})
        try:
            self._process = await asyncio.create_subprocess_exec(
                *launch.command,
                *launch.arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=launch.folder,
                env=environment,
                start_new_session=True,
                limit=pipes.READ_BYTES,
            )
        except FileNotFoundError as error:
            raise ProviderFailed(errors.NOT_INSTALLED) from error
        except OSError as error:
            raise ProviderFailed(f"Codex cannot be started ({error.strerror or error}): {errors.BY_HAND}.") from error
        assert self._process.stderr is not None, "stderr is a pipe"
        self._stderr_read = self._start_task(
            self._stderr.read(self._process.stderr), name=f"codex-stderr-{self._process.pid}"
        )
        self._identity = await asyncio.to_thread(
            identify, self._process.pid, Path(launch.command[0]).name, environment[MARK]
        )

    def record(self, recorder: ProcessRecorder) -> None:
        """Tell the owner of the sessions of this process, once."""
        if self._identity is not None and not self._is_recorded:
            self._is_recorded = True
            self._recorder = recorder
            recorder.started(self._identity)

    async def write(self, line: bytes) -> None:
        """One line with its line break. Raises OSError when the CLI is gone (ConnectionError) or does not read."""
        await pipes.write(self._stdin(), line)

    async def lines(self) -> AsyncIterator[bytes]:
        """Every line of output until the CLI ends; raises :class:`ProviderFailed` for one that is too long."""
        stdout = self._process.stdout if self._process else None
        assert stdout is not None, "lines are read after start"
        try:
            async for line in pipes.lines(stdout):
                yield line
        except pipes.LineTooLong as error:
            raise ProviderFailed(f"Codex sent {error}: {errors.RESUMES}.") from error

    async def ended(self) -> tuple[int, str]:
        """Wait for the exit that follows the end of the output: its code, and the last lines that it printed."""
        assert self._process is not None, "waited for after start"
        exit_code = await self._process.wait()
        if self._stderr_read is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._stderr_read), _REAP_S)
        return exit_code, self._stderr.text

    def end_input(self) -> None:
        self._stdin().close()

    async def close(self) -> None:
        """End the input, wait for the exit, then end what is left of its process family; within 5 s. Idempotent."""
        async with self._closing:
            process, identity = self._process, self._identity
            if process is None or identity is None:
                return
            if process.returncode is None:
                await self._end(process, identity)
            elif process.returncode != 0:  # it was killed or has failed, and has left what it had started
                await end_family(identity, grace_s=0.5)
            self._identity = None
            if self._is_recorded:
                self._recorder.ended(identity)

    async def stop(self) -> None:
        """End it and all that it started at once, without waiting for what it has to say."""
        if self._process is not None and self._identity is not None and self._process.returncode is None:
            await end_family(self._identity, grace_s=0.5)

    def kill(self) -> None:
        """End the CLI at once: it no longer does what it is told."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def _end(self, process: asyncio.subprocess.Process, identity: AgentProcess) -> None:
        self._stdin().close()
        try:
            await asyncio.wait_for(process.wait(), _EXIT_S)
        except TimeoutError:
            await end_family(identity, grace_s=0.5)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _REAP_S)

    def _stdin(self) -> asyncio.StreamWriter:
        assert self._process is not None, "written to after start"
        assert self._process.stdin is not None, "stdin is a pipe"
        return self._process.stdin
