"""One run of Git as a child: fed, read within bounds, and ended with everything it started."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from ws.protocol.errors import ErrorCode, WireError

MAX_STDERR_BYTES = 16 * 1024
GRACE_S = 3.0
"""For Git to take its lock files away after SIGTERM; below the time in which a stopping node ends its tasks."""
_AFTERWARDS_S = 0.5
"""For what is still in the pipes when Git has ended. A program that a hook left behind may hold them open for ever."""
_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True)
class Output:
    """`is_cut`: Git wrote more than the bound and `stdout` is the beginning. Of a reading act, which is ended then,
    `code` means nothing. `stderr` is the end of what it said, at most MAX_STDERR_BYTES.
    """

    code: int
    stdout: bytes
    stderr: str
    is_cut: bool


@dataclass(frozen=True)
class Watched:
    """For acts: `stdin` is written to Git, and `on_stderr` is called with each piece of what it says as it comes."""

    stdin: bytes = b""
    on_stderr: Callable[[bytes], None] | None = None


async def run_process(command: list[str], environment: dict[str, str], directory: Path, *, max_bytes: int) -> Output:
    """A reader, which is killed when it is cancelled or says too much. Raises WireError when it cannot be started."""
    with ExitStack() as kept:
        child = await _start(command, environment, directory, kept, stdin=False)
        return await _read(child, max_bytes)


async def act_process(
    command: list[str], environment: dict[str, str], directory: Path, watched: Watched, *, max_bytes: int
) -> Output:
    """One that acts: its output is read to the end, and when it is cancelled it is asked to end (see GRACE_S)."""
    with ExitStack() as kept:
        child = await _start(command, environment, directory, kept, stdin=bool(watched.stdin))
        return await _act(child, watched, max_bytes)


@dataclass(frozen=True)
class _Child:
    """The pipes are our own, because ``Process.wait`` would wait for everybody who holds those of asyncio, and for
    what is left in them.
    """

    process: asyncio.subprocess.Process
    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader


async def _start(
    command: list[str], environment: dict[str, str], directory: Path, kept: ExitStack, *, stdin: bool
) -> _Child:
    """`kept` closes its pipes."""
    with ExitStack() as given:  # to the child, which has its own when it has started
        stdout, said_here = await _pipe(kept, given)
        stderr, told_here = await _pipe(kept, given)
        starting = asyncio.create_task(  # noqa: TID251  awaited in _started, whatever happens
            asyncio.create_subprocess_exec(
                *command,
                cwd=directory,
                env=environment,
                stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
                stdout=said_here,
                stderr=told_here,
                start_new_session=True,
            ),
            name="start git",
        )
        return _Child(await _started(starting), stdout, stderr)


async def _started(starting: asyncio.Task[asyncio.subprocess.Process]) -> asyncio.subprocess.Process:
    """Starting is never cut short: asyncio would end the child alone, and not what that has started by then."""
    try:
        _ = await asyncio.wait({starting})
    except asyncio.CancelledError:
        _ = await asyncio.wait({starting})
        if starting.exception() is None:
            await _end_gently(starting.result())
        raise
    try:
        return starting.result()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise WireError(ErrorCode.NOT_FOUND, "The folder of this repository is gone.") from error
    except OSError as error:
        raise WireError(ErrorCode.CONFLICT, f"Git cannot be started here: {error.strerror}.") from error


async def _pipe(kept: ExitStack, given: ExitStack) -> tuple[asyncio.StreamReader, int]:
    """A reader, which `kept` closes, of what is written into the descriptor beside it, which `given` closes."""
    reading, writing = os.pipe()
    given.callback(os.close, writing)
    stream = asyncio.StreamReader(limit=_CHUNK_BYTES)
    protocol = asyncio.StreamReaderProtocol(stream)
    loop = asyncio.get_running_loop()
    # uvloop closes the descriptor and then the file: by then its number may be that of what another thread has opened.
    file = os.fdopen(reading, "rb", 0, closefd=isinstance(loop, asyncio.BaseEventLoop))
    transport, _ = await loop.connect_read_pipe(lambda: protocol, file)
    kept.callback(transport.close)
    return stream, writing


async def _read(child: _Child, max_bytes: int) -> Output:
    process, said, errors = child.process, _Kept(max_bytes), _Kept(MAX_STDERR_BYTES)
    try:
        async with asyncio.TaskGroup() as readers:
            _ = readers.create_task(_collect(child.stderr, errors))
            await _collect(child.stdout, said, keeps_reading=False)
            if said.is_cut:
                _signal(process, signal.SIGKILL)
        await process.wait()
    finally:
        if process.returncode is None:
            _signal(process, signal.SIGKILL)
            await process.wait()
    return _output(process, said, errors)


async def _act(child: _Child, watched: Watched, max_bytes: int) -> Output:
    process, said = child.process, _Kept(max_bytes)
    errors = _Kept(MAX_STDERR_BYTES, keeps_end=True, told=watched.on_stderr)
    pipes = [
        asyncio.create_task(work, name="git pipe")  # noqa: TID251  ended below, with the process
        for work in (_collect(child.stdout, said), _collect(child.stderr, errors), _feed(process, watched.stdin))
    ]
    try:
        await process.wait()
        _ = await asyncio.wait(pipes, timeout=_AFTERWARDS_S)
    finally:
        if process.returncode is None:
            await _end_gently(process)
        for pipe in pipes:
            pipe.cancel()
        _ = await asyncio.wait(pipes)
    return _output(process, said, errors)


async def _end_gently(process: asyncio.subprocess.Process) -> None:
    _signal(process, signal.SIGTERM)
    try:
        async with asyncio.timeout(GRACE_S):
            await process.wait()
    except TimeoutError:
        pass
    finally:
        _signal(process, signal.SIGKILL)  # Git may be gone while what it started is not
    await process.wait()


class _Kept:
    """The beginning of what was read, or with `keeps_end` the end of it."""

    def __init__(self, max_bytes: int, *, keeps_end: bool = False, told: Callable[[bytes], None] | None = None) -> None:
        self.raw = bytearray()
        self.is_cut = False
        self._max_bytes = max_bytes
        self._keeps_end = keeps_end
        self._told = told

    def add(self, chunk: bytes) -> None:
        if self._told is not None:
            self._told(chunk)
        self.is_cut = self.is_cut or len(self.raw) + len(chunk) > self._max_bytes
        if self._keeps_end:
            self.raw += chunk
            del self.raw[: -self._max_bytes]
        else:
            self.raw += chunk[: self._max_bytes - len(self.raw)]


async def _collect(stream: asyncio.StreamReader, kept: _Kept, *, keeps_reading: bool = True) -> None:
    """`keeps_reading` throws away what is too much, so that the writer can end."""
    while chunk := await stream.read(_CHUNK_BYTES):
        kept.add(chunk)
        if kept.is_cut and not keeps_reading:
            break


async def _feed(process: asyncio.subprocess.Process, raw: bytes) -> None:
    if process.stdin is None:
        return
    with suppress(BrokenPipeError, ConnectionResetError):  # Git refused before it read
        process.stdin.write(raw)
        await process.stdin.drain()
    process.stdin.close()


def _output(process: asyncio.subprocess.Process, said: _Kept, errors: _Kept) -> Output:
    stderr = bytes(errors.raw).decode("utf-8", "replace")
    return Output(process.returncode or 0, bytes(said.raw), stderr, said.is_cut)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
