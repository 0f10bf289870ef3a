"""Filter drivers that a repository brings along, and the settings that make them harmless.

With every flag there is, `git status` and `git diff` still run `filter.NAME.clean` or `.process` of the repository's
own configuration on files that look changed. So its configuration is listed first, and each driver defined there is set
back to what the user's own configuration says: Git LFS installed by the user works on, everything else is empty.
"""

import asyncio
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from node.git.failures import refusal
from node.git.repository import Repository
from node.git.runner import GitRunner
from node.git.trust import OWN_SCOPES, Trust, lfs_programs, weigh
from ws.protocol.errors import ErrorCode, WireError

MAX_CONFIG_BYTES = 1024 * 1024
MAX_SETTINGS = 500
"""Each becomes two environment variables of the next command; no honest repository has a dozen."""
_MAX_CACHED = 256
_VARIABLES = {"clean", "smudge", "process", "required"}

Signature = tuple[tuple[int, int, int, int] | None, ...]


@dataclass(frozen=True)
class Configured:
    """`overrides` are for GIT_CONFIG_COUNT; `trust` says what acts need beside them.

    `worktrees`: values of core.worktree in the repository's own files.
    """

    overrides: Mapping[str, str]
    trust: Trust
    worktrees: tuple[str, ...]
    is_cacheable: bool


class Drivers:
    """Reads repositories' configuration, and again only when its files changed: it costs a process each time.

    Inode, size and both times of the files decide. The change time cannot be set from outside. A configuration that
    includes other files is read every time, because those are not watched.
    """

    def __init__(self, runner: GitRunner) -> None:
        self._runner = runner
        self._known: OrderedDict[Repository, tuple[Signature, Configured]] = OrderedDict()

    async def configured(self, repository: Repository) -> Configured:
        """What the configuration says now. Raises WireError when it cannot be read or is beyond its bounds."""
        signature = await asyncio.to_thread(_signature, repository)
        known = self._known.get(repository)
        if known is not None and known[0] == signature:
            self._known.move_to_end(repository)
            return known[1]
        output = await self._runner.run(
            ["config", "--list", "--includes", "--show-scope", "-z"],
            directory=repository.root,
            max_bytes=MAX_CONFIG_BYTES,
        )
        if output.is_cut:
            raise WireError(ErrorCode.TOO_LARGE, f"The Git configuration of {repository.root} is over 1 MiB.")
        if output.code:
            raise refusal(output, str(repository.root))
        configured = _read(output.stdout)
        if configured.is_cacheable:
            self._known[repository] = (signature, configured)
            if len(self._known) > _MAX_CACHED:
                self._known.popitem(last=False)
        return configured


def _signature(repository: Repository) -> Signature:
    def sign(file: Path) -> tuple[int, int, int, int] | None:
        try:
            status = file.stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns

    return (
        sign(repository.common_folder / "config"),
        sign(repository.common_folder / "config.worktree"),
        sign(repository.git_folder / "config.worktree"),
    )


def _read(listing: bytes) -> Configured:
    entries = list(_entries(listing))
    own = [(key, value) for scope, key, value in entries if scope in OWN_SCOPES]
    users = {key: value for scope, key, value in entries if scope not in OWN_SCOPES}
    defined = {key for key, _ in own if key.startswith("filter.") and key.rpartition(".")[2] in _VARIABLES}
    if len(defined) > MAX_SETTINGS:
        raise WireError(
            ErrorCode.CONFLICT,
            f"This repository has more than {MAX_SETTINGS} filter settings, so it is not looked at.",
        )
    overrides = {key: users.get(key, "") for key in sorted(defined)}
    # Git counts an empty command as no filter, and fails when a filter that it must have is none.
    emptied = {key.rpartition(".")[0] for key, value in overrides.items() if not value}
    overrides |= {f"{name}.required": "false" for name in emptied}
    overrides |= lfs_programs(key for key, _ in own)
    return Configured(
        overrides,
        weigh(entries),
        worktrees=tuple(value for key, value in own if key == "core.worktree"),
        # Without any entry of its own the configuration was not read at all: Git does not trust the owner yet.
        is_cacheable=bool(own) and not any(key.startswith(("include.", "includeif.")) for key, _ in own),
    )


def _entries(listing: bytes) -> Iterator[tuple[str, str, str]]:
    """Scope, key and value; a key without a value means true."""
    fields = listing.split(b"\0")
    for scope, entry in zip(fields[0::2], fields[1::2], strict=False):
        key, has_value, value = entry.partition(b"\n")
        yield os.fsdecode(scope), os.fsdecode(key), os.fsdecode(value) if has_value else "true"
