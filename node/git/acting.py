"""Commands that change a repository: tried again for a moment while another Git holds a lock."""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from node.git.failures import act_refusal, locked, quoted
from node.git.opening import Opened
from node.git.process import Output, Watched
from ws.protocol.errors import ErrorCode, WireError

LOCAL_S = 600.0
"""For a large worktree to be written. Longer than a caller waits: ending it halfway is worse than letting it end."""
REMOTE_S = 6 * 3600.0
"""A large repository over a slow line."""
HOOKS_S = 3600.0
"""Hooks that run tests."""

_PAUSES_S = (0.1, 0.2, 0.3, 0.4)
"""Another Git holds a lock for milliseconds; one that holds it longer has died or waits for an editor."""
_LOCK = re.compile(r"(?:Unable to create|cannot lock ref|could not lock config file)[^\n]*?'?(/[^'\n]+\.lock)")

_GITS_OWN = re.compile(
    r"^(?:fatal:|error: (?!failed to push)| ! \[|nothing to commit|no changes added|nothing added)", re.MULTILINE
)


@dataclass(frozen=True)
class Command:
    """What is run, and with what it may come into touch: hooks of the repository, remotes."""

    arguments: Sequence[str]
    stdin: bytes = b""
    deadline_s: float = LOCAL_S
    with_hooks: bool = False
    with_remotes: bool = False
    is_repeatable: bool = True
    """False: what it has done before a lock stopped it would itself be in the way the next time."""
    watched: Watched | None = None


async def attempt(opened: Opened, command: Command) -> Output:
    """Run it, whatever its exit code. Raises WireError conflict while another Git holds a lock."""
    pauses_s = iter(_PAUSES_S)
    while True:
        output = await _once(opened, command)
        lock = _LOCK.search(output.stderr)
        if not output.code or lock is None or "File exists" not in output.stderr:
            return output
        pause_s = next(pauses_s, None)
        # What comes after hooks is not done again, because they have run. The index is locked before anything is done.
        is_once = command.with_hooks or not command.is_repeatable
        if pause_s is None or (is_once and not lock[1].endswith("index.lock")):
            raise locked(lock[1], await asyncio.to_thread(_age_s, lock[1]))
        await asyncio.sleep(pause_s)


async def carry_out(opened: Opened, command: Command) -> Output:
    """The same. Raises WireError as well when Git refuses."""
    output = await attempt(opened, command)
    if output.code:
        raise refused(output, opened)
    return output


def refused(output: Output, opened: Opened) -> WireError:
    """The sentence for a command that failed."""
    return act_refusal(output, str(opened.root))


async def refused_by_hook(opened: Opened, output: Output, hooks: Sequence[str]) -> WireError | None:
    """The sentence when it was a hook that refused. Git says nothing of its own then, so what was printed is the
    hook's; None when Git did say why, or when the repository has none of `hooks`.
    """
    said = output.stderr + output.stdout.decode("utf-8", "replace")
    if _GITS_OWN.search(said) or not await asyncio.to_thread(_has_hook, opened, hooks):
        return None
    return WireError(ErrorCode.CONFLICT, f"A hook of this repository refused: {quoted(output)}")


async def _once(opened: Opened, command: Command) -> Output:
    configured = opened.configured
    config = [*configured.overrides.items(), *configured.trust.settings]
    config += configured.trust.credentials if command.with_remotes else [("credential.helper", "")]
    watched = command.watched or Watched(stdin=command.stdin)
    return await opened.runner.act(
        command.arguments,
        directory=opened.root,
        config=config,
        deadline_s=command.deadline_s,
        with_hooks=command.with_hooks,
        with_remotes=command.with_remotes,
        ssh=configured.trust.ssh,
        watched=watched,
    )


def _age_s(lock: str) -> float | None:
    try:
        return max(time.time() - Path(lock).stat().st_mtime, 0.0)
    except OSError:
        return None


def _has_hook(opened: Opened, names: Sequence[str]) -> bool:
    folders = [str(opened.repository.common_folder / "hooks"), *opened.configured.trust.hooks]
    return any((opened.root / Path(folder).expanduser() / name).exists() for folder in folders for name in names)
