"""One process of the Claude Code CLI: started with our environment, spoken to in lines of JSON, ended for sure."""

import asyncio
import importlib.util
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from providers import pipes
from providers.base import AgentProcess, ProcessRecorder, ProviderFailed
from providers.claude import errors
from providers.process import MARK, end_family, identify, marked
from providers.tasks import TaskStarter

_EXIT_S = 2.0
"""The CLI ends within 10–100 ms of the end of its input, having written its transcript."""

_REAP_S = 1.0


def find_command(configured: Sequence[str], environment: Mapping[str, str]) -> tuple[str, ...] | None:
    """How to start the CLI: the configured command, else the one in the SDK's wheel, else `claude` on the PATH."""
    if configured:
        program = shutil.which(configured[0], path=environment.get("PATH"))
        return (program, *configured[1:]) if program else None
    bundled = _bundled()
    program = str(bundled) if bundled else shutil.which("claude", path=environment.get("PATH"))
    return (program,) if program else None


def _bundled() -> Path | None:
    package = importlib.util.find_spec("claude_agent_sdk")
    for folder in (package.submodule_search_locations or ()) if package else ():
        program = Path(folder) / "_bundled" / "claude"
        if program.is_file():
            return program
    return None


@dataclass(frozen=True)
class Launch:
    """What a CLI is started with; `environment` is complete, nothing is inherited beside it.

    `command` is what people run by hand, `arguments` are ours.
    """

    command: tuple[str, ...]
    arguments: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]


class CliProcess:
    """A running CLI in a process group of its own. `start` first, `close` last; both once."""

    def __init__(self, launch: Launch, start_task: TaskStarter, recorder: ProcessRecorder) -> None:
        self._launch = launch
        self._start_task = start_task
        self._recorder = recorder
        self._process: asyncio.subprocess.Process | None = None
        self._identity: AgentProcess | None = None
        self._stderr = pipes.LastWords()
        self._stderr_read: asyncio.Task[None] | None = None
        self._is_closing = False
        self._closing = asyncio.Lock()

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

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
            raise ProviderFailed(f"Claude Code cannot be started: {error.strerror or error}.") from error
        self._identity = await asyncio.to_thread(
            identify, self._process.pid, Path(launch.command[0]).name, environment[MARK]
        )
        self._recorder.started(self._identity)
        assert self._process.stderr is not None, "stderr is a pipe"
        self._stderr_read = self._start_task(
            self._stderr.read(self._process.stderr), name=f"claude-stderr-{self._process.pid}"
        )

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
            await self._abandon(stdout)
            raise ProviderFailed(f"Claude Code sent {error}: {errors.RESUMES}.") from error

    async def _abandon(self, stdout: asyncio.StreamReader) -> None:
        """Nobody reads on: a pipe that is left full would never close."""
        self.kill()
        with suppress(TimeoutError):
            async with asyncio.timeout(_REAP_S):
                while await stdout.read(pipes.READ_BYTES):
                    pass

    async def ended(self, remedy: str = errors.RESUMES) -> ProviderFailed | None:
        """Wait for the exit that follows the end of the output; what it means, or None when it was wanted."""
        assert self._process is not None, "waited for after start"
        exit_code = await self._process.wait()
        if self._stderr_read is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._stderr_read), _REAP_S)
        if exit_code == 0 or self._is_closing:  # after a turn that failed the CLI exits with 1, however it is ended
            return None
        return errors.process_failure(exit_code, self._stderr.text, remedy)

    async def close(self) -> None:
        """End the input, wait for the exit, then end what is left of its process family; within 5 s. Idempotent."""
        self._is_closing = True
        async with self._closing:
            process, identity = self._process, self._identity
            if process is None or identity is None:
                return
            if process.returncode is None:
                await self._end(process, identity)
            elif process.returncode != 0:  # it was killed or has failed, and has left what it had started
                await end_family(identity, grace_s=0.5)
            self._identity = None
            self._recorder.ended(identity)

    async def _end(self, process: asyncio.subprocess.Process, identity: AgentProcess) -> None:
        self._stdin().close()
        try:
            await asyncio.wait_for(process.wait(), _EXIT_S)
        except TimeoutError:
            await end_family(identity, grace_s=0.5)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _REAP_S)

    def kill(self) -> None:
        """End the CLI at once: it no longer does what it is told."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    def _stdin(self) -> asyncio.StreamWriter:
        assert self._process is not None, "written to after start"
        assert self._process.stdin is not None, "stdin is a pipe"
        return self._process.stdin
