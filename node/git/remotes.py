"""Remotes: fetched from, pulled from, pushed to. Nobody is asked for a password."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from node.git.acting import REMOTE_S, Command, attempt, carry_out, refused, refused_by_hook
from node.git.acts import Act
from node.git.branches import check_nothing_under_way, current
from node.git.opening import Opened, Resolve
from node.git.process import Watched
from node.git.repository import served
from node.git.trust import printable
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.git import GitFetchParams, GitPullParams, GitPushParams

_SCP = re.compile(
    r"^(?:[A-Za-z0-9._][A-Za-z0-9._-]*@)?(?:[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\]):(?!:)[^\x00-\x1f]+\Z"
)
"""`git@host:path` as ssh takes it. A second colon would name a helper program."""
_MAX_CONFLICTS_NAMED = 5


@dataclass(frozen=True)
class _Upstream:
    """Of the current branch. `remote` is None for one that follows a local branch; `tracking` is the full local name of
    what was last seen there, `there` its full name on the remote.
    """

    branch: str
    remote: str | None
    tracking: str | None
    there: str | None


async def fetch(opened: Opened, act: Act, params: GitFetchParams, resolve: Resolve) -> None:
    """As GitFetchParams says."""
    remote = params.remote
    if remote is None:
        branch = await current(opened)
        upstream = None if branch is None else await _upstream(opened, branch)
        remote = await _usual(opened) if upstream is None or upstream.remote is None else upstream.remote
    await _fetch(opened, remote, act, resolve, ["--prune"] if params.prune else [])


async def pull(opened: Opened, act: Act, params: GitPullParams, resolve: Resolve) -> None:
    """As GitPullParams says. It can be cancelled while it fetches, not while it writes the worktree.

    Raises WireError conflict when the merge or rebase stops at conflicts; then the status shows them.
    """
    opened.configured.trust.check_merging()
    await check_nothing_under_way(opened)
    upstream = await _upstream(opened, await _branch(opened, "pulled into"))
    if upstream is None or upstream.tracking is None:
        raise WireError(
            ErrorCode.CONFLICT,
            "This branch follows no other: push it once, or set one with git branch --set-upstream-to.",
        )
    if upstream.remote is not None:
        await _fetch(opened, upstream.remote, act, resolve, [])
        if await opened.commit(upstream.tracking) is None:
            raise WireError(ErrorCode.CONFLICT, "The remote has no such branch any more: push it, or follow another.")
    act.is_cancellable = False
    act.tell("Updating files")
    commands = {
        "ff": ["merge", "--quiet", "--ff-only", "--no-autostash", "--no-overwrite-ignore"],
        "merge": ["merge", "--quiet", "--no-edit", "--no-autostash", "--ff", "--no-overwrite-ignore"],
        "rebase": ["rebase", "--quiet", "--merge", "--no-autostash", "--no-autosquash"],
    }
    output = await attempt(opened, Command([*commands[params.how], upstream.tracking]))
    if output.code:
        state = await asyncio.to_thread(opened.repository.state)
        raise refused(output, opened) if state == "clean" else await _stopped(opened, state)


async def push(opened: Opened, act: Act, params: GitPushParams, resolve: Resolve) -> None:
    """As GitPushParams says. The hook pre-push runs, as under plain Git."""
    branch = await _branch(opened, "pushed")
    if await opened.commit("HEAD") is None:
        raise WireError(ErrorCode.CONFLICT, "There is no commit yet that could be pushed: commit first.")
    upstream = await _upstream(opened, branch)
    follows = upstream is not None and upstream.remote is not None and upstream.there is not None
    if upstream is not None and follows and params.remote in {None, upstream.remote}:
        remote, there, options = str(upstream.remote), str(upstream.there), []
    else:
        remote, there = params.remote or await _usual(opened), f"refs/heads/{branch}"
        options = [] if follows else ["--set-upstream"]
    if params.force_with_lease:
        # The second asks that what is overwritten has been here: fetching in the background would defeat the first.
        options += [f"--force-with-lease={there}", "--force-if-includes"]
    await _check_addresses(opened, remote, resolve, is_push=True)
    command = ["push", "--progress", "--no-follow-tags", "--recurse-submodules=no", *options]
    command += ["--end-of-options", remote, f"refs/heads/{branch}:{there}"]
    output = await attempt(
        opened,
        Command(
            command,
            deadline_s=REMOTE_S,
            with_hooks=True,
            with_remotes=True,
            watched=Watched(on_stderr=act.reader()),
        ),
    )
    if output.code:
        raise await refused_by_hook(opened, output, ("pre-push",)) or refused(output, opened)


async def _fetch(opened: Opened, remote: str, act: Act, resolve: Resolve, options: list[str]) -> None:
    await _check_addresses(opened, remote, resolve, is_push=False)
    command = ["fetch", "--progress", "--no-recurse-submodules", "--no-auto-maintenance", *options]
    _ = await carry_out(
        opened,
        Command(
            [*command, "--end-of-options", remote],
            deadline_s=REMOTE_S,
            with_remotes=True,
            watched=Watched(on_stderr=act.reader()),
        ),
    )


async def _branch(opened: Opened, what: str) -> str:
    branch = await current(opened)
    if branch is None:
        raise WireError(
            ErrorCode.CONFLICT, f"HEAD is on no branch, so nothing can be {what}: switch to a branch first."
        )
    return branch


async def _upstream(opened: Opened, branch: str) -> _Upstream | None:
    """What the branch follows, also before its first commit; None when it follows nothing."""
    keys = [f"branch.{branch}.remote", f"branch.{branch}.merge"]
    values = [await opened.ask(["config", "--get", key]) for key in keys]
    if any(value.code for value in values):
        return None
    remote, there = (value.stdout.decode("utf-8", "replace").rstrip("\n") for value in values)
    form = "--format=%(upstream)"
    named = await opened.read(["for-each-ref", form, f"refs/heads/{branch}"])
    lines = named.stdout.decode("utf-8", "replace").splitlines()
    tracking = lines[0] if lines and lines[0].startswith("refs/") else None
    return _Upstream(branch, None if remote == "." else remote, tracking, there if there.startswith("refs/") else None)


async def _remotes(opened: Opened) -> list[str]:
    return (await opened.read(["remote"])).stdout.decode("utf-8", "replace").splitlines()


async def _usual(opened: Opened) -> str:
    remotes = await _remotes(opened)
    if not remotes:
        raise WireError(
            ErrorCode.CONFLICT,
            "This repository has no remote: add one with git remote add origin ADDRESS in a terminal.",
        )
    if "origin" in remotes:
        return "origin"
    if len(remotes) > 1:
        raise WireError(
            ErrorCode.CONFLICT,
            f"None of the remotes is called origin: say which ({printable(', '.join(remotes[:10]))}).",
        )
    return remotes[0]


async def _check_addresses(opened: Opened, remote: str, resolve: Resolve, *, is_push: bool) -> None:
    """Raises WireError unless `remote` is one that the repository has and all its addresses may be used."""
    opened.configured.trust.check_remotes()
    if remote not in await _remotes(opened):
        raise WireError(
            ErrorCode.NOT_FOUND, f"There is no remote {printable(remote)} in this repository; git.branches lists them."
        )
    direction = ["--push"] if is_push else []
    output = await opened.ask(["remote", "get-url", *direction, "--all", "--", remote])
    addresses = output.stdout.decode("utf-8", "surrogateescape").splitlines()
    if output.code or not addresses:
        raise WireError(
            ErrorCode.CONFLICT, f"The remote {printable(remote)} has no address: set it with git remote set-url."
        )
    for address in addresses:
        await _check_address(opened, address, resolve)


async def _check_address(opened: Opened, address: str, resolve: Resolve) -> None:
    path = _local_path(address)
    if path is not None:
        await _check_place(opened.root / path, resolve)
        return
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    host = parts.netloc.rpartition("@")[2]
    is_url = (
        parts.scheme in {"https", "ssh"}
        and host
        and not host.startswith("-")
        and address.startswith(f"{parts.scheme}://")
    )
    if not is_url and ("://" in address or not _SCP.match(address)):
        scheme = printable(re.split(r"[:/]", address)[0])
        raise WireError(
            ErrorCode.FORBIDDEN,
            f"A remote is reached by https, ssh or a path on this machine, and {scheme} is none of these: change its"
            " address with git remote set-url.",
        )


async def _check_place(path: Path, resolve: Resolve) -> None:
    """A remote on this machine lies inside the roots, like everything, with all that Git opens for it."""
    real = await resolve(str(path))
    for repository in await asyncio.to_thread(served, real):
        elsewhere = await asyncio.to_thread(repository.elsewhere)
        for part in (repository.git_folder, repository.common_folder, *elsewhere):
            _ = await resolve(str(part))


def _local_path(address: str) -> str | None:
    """The path of a remote on this machine; None for an address that is not one. A colon before any slash makes it a
    host or a helper program, as gitprotocol and git-clone(1) say. Raises WireError for a path that Git would not take
    as it stands: it decodes percent signs of a URL, drops a host in it, and takes a tilde for somebody's home.
    """
    is_url = address.startswith("file://")
    path = address.removeprefix("file://") if is_url else address
    if not is_url and (":" in path.partition("/")[0] or not path):
        return None
    if path.startswith("~") or (is_url and ("%" in path or not path.startswith("/"))):
        raise WireError(
            ErrorCode.FORBIDDEN,
            f"The remote's address {printable(address)} does not name its folder plainly: set it to the absolute path,"
            " without ~, % or a host, with git remote set-url.",
        )
    return path


async def _stopped(opened: Opened, state: str) -> WireError:
    output = await opened.ask(["diff", "--name-only", "--diff-filter=U", "-z"])
    names = [name.decode("utf-8", "replace") for name in output.stdout.split(b"\0") if name]
    more = f" and {len(names) - _MAX_CONFLICTS_NAMED} more" if len(names) > _MAX_CONFLICTS_NAMED else ""
    named = printable(", ".join(names[:_MAX_CONFLICTS_NAMED])) + more
    end = "commit" if state == "merging" else "run git rebase --continue in a terminal"
    return WireError(
        ErrorCode.CONFLICT,
        f"It stopped at conflicts in {named or 'some files'}: resolve and stage them, then {end}; or abort.",
    )
