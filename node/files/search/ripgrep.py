"""ripgrep as a child: found, started in an open folder, read in records, ended with its whole process group."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from node.files.failures import wire_error
from ws.protocol.errors import ErrorCode, WireError, invalid

COMMON = (
    "--no-config",  # a configuration file could name a program to run (--pre)
    "--no-messages",  # what may not be read is passed over
    "--no-ignore-dot",  # Git knows no .ignore
    "--hidden",
    "--glob=!.git",
)
MAX_RECORD_BYTES = 8 * 1024 * 1024
"""A longer line of output is thrown away as it comes."""
SILENCE_S = 300.0
"""How long a search may find nothing at all before it is given up."""
_CHECK_S = 5.0
_CHUNK_BYTES = 64 * 1024
_INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "XDG_CONFIG_HOME")
"""The home names the account's own list of what Git ignores."""


class Ripgrep:
    """`environment` is what children of this node inherit. The program is the one installed beside this Python, else
    the first on the absolute entries of PATH.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = {name: environment[name] for name in _INHERITED if name in environment}
        self._program: str | None = None

    async def check(self, arguments: Sequence[str]) -> None:
        """Raise WireError invalid, with ripgrep's reason, when it does not take these arguments."""
        if any("\0" in each for each in arguments):
            raise invalid("query", "A search holds no NUL character.")
        process = await self._start([*arguments, "--quiet", "/dev/null"], "/", is_checked=True)
        try:
            async with asyncio.timeout(_CHECK_S):
                _, errors = await process.communicate()
        except TimeoutError as error:
            raise WireError(
                ErrorCode.TIMEOUT, "The search did not start in time; try again.", retryable=True
            ) from error
        finally:
            await _end(process)
        if process.returncode == 2:
            raise _refusal(errors.decode("utf-8", "replace"))

    async def records(self, arguments: Sequence[str], folder: int, separator: bytes) -> AsyncIterator[list[bytes]]:
        """What it writes when it searches the open folder, split; one list a read. Close the iterator: that ends it.

        Raises WireError.
        """
        process = await self._start([*arguments, "."], f"/proc/self/fd/{folder}", is_checked=False)
        try:
            assert process.stdout is not None
            rest, is_skipping = b"", False
            while chunk := await _read(process.stdout):
                first, *more = chunk.split(separator)
                if not more:
                    rest = b"" if is_skipping else rest + first
                    is_skipping = is_skipping or len(rest) > MAX_RECORD_BYTES
                    continue
                whole = [] if is_skipping else [rest + first]
                rest, is_skipping = more[-1], False
                yield whole + more[:-1]
        finally:
            await _end(process)

    async def _start(self, arguments: Sequence[str], folder: str, *, is_checked: bool) -> asyncio.subprocess.Process:
        if self._program is None:
            self._program = await asyncio.to_thread(_find, self._environment.get("PATH", os.defpath))
        try:
            return await asyncio.create_subprocess_exec(
                self._program,
                *arguments,
                cwd=folder,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE if is_checked else asyncio.subprocess.DEVNULL,
                start_new_session=True,
                limit=_CHUNK_BYTES,
            )
        except OSError as error:
            raise wire_error(error, folder) from error


def escaped(path: str) -> str:
    """A glob that matches this path alone."""
    return "".join(f"\\{each}" if each in "\\*?[]{}!" else each for each in path)


def _find(path: str) -> str:
    beside = Path(sys.executable).with_name("rg")
    absolute = os.pathsep.join(folder for folder in path.split(os.pathsep) if folder.startswith("/"))
    program = str(beside) if os.access(beside, os.X_OK) else shutil.which("rg", path=absolute)
    if program is None:
        raise WireError(
            ErrorCode.UNSUPPORTED,
            "Searching needs ripgrep, which is not installed on this machine: install it there (apt install ripgrep).",
        )
    return program


def _refusal(errors: str) -> WireError:
    """What ripgrep 15 gives as its reason: `error: …` where it quotes the pattern, else `rg: …`.

    What follows names options of ripgrep, which nobody here can give.
    """
    lines = [line.strip() for line in errors.splitlines()]
    told = [line.removeprefix(start) for start in ("error: ", "rg: ") for line in lines if line.startswith(start)]
    reason = told[0] if told else "ripgrep gives no reason"
    field = "include" if "glob" in errors.lower() else "query"
    return invalid(field, f"This cannot be searched for: {reason[:300].rstrip('.')}.")


async def _read(stream: asyncio.StreamReader) -> bytes:
    try:
        async with asyncio.timeout(SILENCE_S):
            return await stream.read(_CHUNK_BYTES)
    except TimeoutError as error:
        raise WireError(
            ErrorCode.TIMEOUT,
            f"Nothing was found for {SILENCE_S:g} s and the search was ended: search a smaller folder.",
        ) from error


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.stdout is not None:
        # asyncio waits for the end of the pipe too, which it does not see while its own buffer is full.
        while await process.stdout.read(_CHUNK_BYTES):
            pass
    await process.wait()
