"""The one place that starts `git`: argument lists, a process group of its own, bounds on time and output."""

import asyncio
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from node.git.environment import Settings, acting_environment, reading_environment
from node.git.process import Output, Watched, act_process, run_process
from ws.protocol.errors import ErrorCode, WireError

DEADLINE_S = 25.0
"""Below the 30 s that the table gives the operations, so that the caller hears the reason."""
MAX_RUNNING = 4
"""Git reads the disk: more at once make each slower and none faster. Further calls wait within their own deadline."""
MAX_OUTPUT_BYTES = 8 * 1024 * 1024
MAX_ACT_BYTES = 256 * 1024
"""Acts print little, and what they say is quoted in a sentence; more is read and thrown away."""
OLDEST = (2, 31)
"""GIT_CONFIG_COUNT appeared here. An older Git would ignore it, and with it every protection: it is refused."""


class GitRunner:
    """Runs Git commands: those that only read, and those that act.

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
                return await run_process([program, *arguments], environment, directory, max_bytes=max_bytes)
        except TimeoutError as error:
            raise WireError(
                ErrorCode.TIMEOUT,
                f"Git did not answer within {deadline_s:g} s; the repository may be very large or its disk slow.",
                retryable=True,
            ) from error

    async def act(
        self,
        arguments: Sequence[str],
        *,
        directory: Path,
        config: Settings,
        deadline_s: float,
        with_hooks: bool = False,
        with_remotes: bool = False,
        ssh: str | None = None,
        watched: Watched | None = None,
    ) -> Output:
        """Run `git *arguments`, which changes the repository, as `acting_environment` says.

        Cancelling and the deadline ask Git to end, so that it takes its locks away, and then end the whole group. How
        many run at once is bounded by whoever calls. Raises WireError as `run` does.
        """
        program = await self._git()
        environment = acting_environment(
            self._environ,
            ceiling=str(directory.parent),
            config=config,
            with_hooks=with_hooks,
            with_remotes=with_remotes,
            ssh=ssh,
        )
        try:
            async with asyncio.timeout(deadline_s):
                return await act_process(
                    [program, *arguments], environment, directory, watched or Watched(), max_bytes=MAX_ACT_BYTES
                )
        except TimeoutError as error:
            raise WireError(
                ErrorCode.TIMEOUT, f"Git did not end within {deadline_s:g} s and was stopped; see what it left behind."
            ) from error

    async def _git(self) -> str:
        if self._program is None:
            program = await asyncio.to_thread(_find, self._environ.get("PATH", os.defpath))
            answer = await run_process(
                [program, "version"], reading_environment(self._environ), Path("/"), max_bytes=1024
            )
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
