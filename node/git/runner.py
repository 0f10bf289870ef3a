"""The one place that starts `git`: argument lists, a process group of its own, bounds on time and output."""

import asyncio
import os
import re
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from node.git.environment import reading_environment
from ws.protocol.errors import ErrorCode, WireError

DEADLINE_S = 25.0
"""Below the 30 s that the table gives the operations, so that the caller hears the reason."""
MAX_RUNNING = 4
"""Git reads the disk: more at once make each slower and none faster. Further calls wait within their own deadline."""
MAX_OUTPUT_BYTES = 8 * 1024 * 1024
MAX_STDERR_BYTES = 16 * 1024
OLDEST = (2, 31)
"""GIT_CONFIG_COUNT appeared here. An older Git would ignore it, and with it every protection: it is refused."""
_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True)
class Output:
    """`is_cut`: Git wrote more than the bound and was ended; `stdout` is the beginning and `code` means nothing."""

    code: int
    stdout: bytes
    stderr: str
    is_cut: bool


class GitRunner:
    """Runs Git commands that only read.

    `environ` is what children of this node inherit; GIT_* in it is dropped. Git is looked up on the absolute entries of
    PATH, never in the folder that is looked at.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._slots = asyncio.Semaphore(MAX_RUNNING)
        self._program: str | None = None

    async def run(
        self,
        arguments: Sequence[str],
        *,
        directory: Path,
        config: Mapping[str, str] | None = None,
        max_bytes: int = MAX_OUTPUT_BYTES,
        deadline_s: float = DEADLINE_S,
    ) -> Output:
        """Run `git *arguments` in `directory`, which Git takes as the top of the search for a repository.

        Cancelling ends the whole process group. Raises WireError: unsupported (no Git, too old), not_found (the folder
        is gone), timeout.
        """
        try:
            async with asyncio.timeout(deadline_s), self._slots:
                program = await self._git()
                environment = reading_environment(self._environ, ceiling=str(directory.parent), config=config)
                return await _run([program, *arguments], environment, directory, max_bytes)
        except TimeoutError as error:
            raise WireError(
                ErrorCode.TIMEOUT,
                f"Git did not answer within {deadline_s:g} s; the repository may be very large or its disk slow.",
                retryable=True,
            ) from error

    async def _git(self) -> str:
        if self._program is None:
            program = await asyncio.to_thread(_find, self._environ.get("PATH", os.defpath))
            answer = await _run([program, "version"], reading_environment(self._environ), Path("/"), 1024)
            _check_version(answer.stdout.decode("utf-8", "replace"))
            self._program = program
        return self._program


def _find(path: str) -> str:
    absolute = os.pathsep.join(folder for folder in path.split(os.pathsep) if folder.startswith("/"))
    program = shutil.which("git", path=absolute)
    if program is None:
        raise WireError(
            ErrorCode.UNSUPPORTED, "Git is not installed on this machine; install it there (such as apt install git)."
        )
    return program


def _check_version(answer: str) -> None:
    found = re.search(r"(\d+)\.(\d+)", answer)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        raise WireError(
            ErrorCode.UNSUPPORTED,
            f"Git on this machine is too old to look at repositories safely; install {OLDEST[0]}.{OLDEST[1]} or newer.",
        )


async def _run(command: list[str], environment: dict[str, str], directory: Path, max_bytes: int) -> Output:
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=directory,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=_CHUNK_BYTES,
        )
    except (FileNotFoundError, NotADirectoryError) as error:
        raise WireError(ErrorCode.NOT_FOUND, "The folder of this repository is gone.") from error
    except OSError as error:
        raise WireError(ErrorCode.CONFLICT, f"Git cannot be started here: {error.strerror}.") from error
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.TaskGroup() as readers:
            errors = readers.create_task(_collect(process.stderr, MAX_STDERR_BYTES, keeps_reading=True))
            stdout, is_cut = await _collect(process.stdout, max_bytes, keeps_reading=False)
            if is_cut:
                _end(process)
        await process.wait()
    finally:
        if process.returncode is None:
            _end(process)
            await process.wait()
    stderr = errors.result()[0].decode("utf-8", "replace")
    return Output(process.returncode or 0, stdout, stderr, is_cut)


async def _collect(stream: asyncio.StreamReader, max_bytes: int, *, keeps_reading: bool) -> tuple[bytes, bool]:
    """At most `max_bytes`, and whether there was more; `keeps_reading` throws the rest away, so the writer can end."""
    chunks: list[bytes] = []
    remaining = max_bytes
    is_cut = False
    while chunk := await stream.read(_CHUNK_BYTES):
        is_cut = is_cut or len(chunk) > remaining
        chunks.append(chunk[:remaining])
        remaining -= len(chunks[-1])
        if is_cut and not keeps_reading:
            break
    return b"".join(chunks), is_cut


def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
