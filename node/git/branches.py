"""Branches: listed, switched to, made and deleted."""

import asyncio
import re

from node.git.acting import Command, carry_out
from node.git.history import MAX_SUBJECT_CHARS, timestamp
from node.git.names import branch_of
from node.git.opening import Opened
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.git import (
    Branch,
    GitBranchesResult,
    GitBranchParams,
    GitCheckoutParams,
    GitDeleteBranchParams,
)

MAX_BRANCHES = 2000
"""Of each kind. More are told by `truncated`."""
MAX_COUNTED = 100
"""Branches, the most recent ones, whose distance to the upstream is counted: each is a walk through the history."""
_COUNTING_S = 8.0
"""With a history so long that counting takes more, the counts are left out."""

_FIELDS = (
    "%(refname)",
    "%(objectname)",
    "%(committerdate:unix)",
    "%(HEAD)",
    "%(upstream)",
    "%(worktreepath)",
    "%(symref)",
    "%(subject)",
)
_TRACK = re.compile(r"(ahead|behind) (\d+)")


async def branches(opened: Opened) -> GitBranchesResult:
    """All branches within MAX_BRANCHES, and the remotes."""
    local, remote = await _listed(opened, "refs/heads"), await _listed(opened, "refs/remotes")
    names, tracked = await opened.read(["remote"]), await _tracked(opened)
    found = [_branch(fields, tracked, opened) for fields in (*local[0], *remote[0]) if not fields[6]]
    return GitBranchesResult(
        current=next((each.name for each in found if each.is_current), await current(opened)),
        branches=found,
        remotes=[line for line in names.stdout.decode("utf-8", "replace").splitlines() if line],
        truncated=(local[1] or remote[1]) or None,
    )


async def current(opened: Opened) -> str | None:
    """The branch that HEAD names, also before its first commit; None when HEAD is detached."""
    output = await opened.ask(["symbolic-ref", "--quiet", "HEAD"])
    name = output.stdout.decode("utf-8", "replace").strip()
    return name.removeprefix("refs/heads/") if not output.code and name.startswith("refs/heads/") else None


async def _listed(opened: Opened, below: str) -> tuple[list[list[str]], bool]:
    output = await opened.read(
        [
            "for-each-ref",
            f"--format={'%00'.join(_FIELDS)}",
            "--sort=-committerdate",
            f"--count={MAX_BRANCHES + 1}",
            below,
        ]
    )
    lines = output.stdout.decode("utf-8", "replace").splitlines()
    rows = [line.split("\0") for line in lines]
    return [row for row in rows if len(row) == len(_FIELDS)][:MAX_BRANCHES], len(rows) > MAX_BRANCHES


async def _tracked(opened: Opened) -> dict[str, str]:
    """How far the most recent branches are from their upstreams, by full name."""
    form = "--format=%(refname)%00%(upstream:track,nobracket)"
    command = ["for-each-ref", form, "--sort=-committerdate", f"--count={MAX_COUNTED}", "refs/heads"]
    try:
        output = await opened.ask(command, deadline_s=_COUNTING_S)
    except WireError as error:
        if error.code is not ErrorCode.TIMEOUT:
            raise
        return {}
    rows = (line.split("\0") for line in output.stdout.decode("utf-8", "replace").splitlines())
    return {row[0]: row[1] for row in rows if len(row) == 2}


def _branch(fields: list[str], tracked: dict[str, str], opened: Opened) -> Branch:
    ref, commit, date, head, upstream, worktree, _, subject = fields
    is_local = ref.startswith("refs/heads/")
    track = tracked.get(ref) if upstream else None
    counts = {word: int(number) for word, number in _TRACK.findall(track or "")}
    is_gone = track == "gone"
    return Branch(
        name=ref.removeprefix("refs/heads/").removeprefix("refs/remotes/"),
        kind="local" if is_local else "remote",
        commit=commit,
        subject=subject[:MAX_SUBJECT_CHARS],
        date=timestamp(date),
        is_current=head == "*",
        upstream=re.sub(r"^refs/(?:heads|remotes)/", "", upstream) or None,
        ahead=None if track is None or is_gone else counts.get("ahead", 0),
        behind=None if track is None or is_gone else counts.get("behind", 0),
        gone=is_gone or None,
        worktree=worktree if worktree and worktree != str(opened.root) else None,
    )


async def switch(opened: Opened, params: GitCheckoutParams) -> None:
    """As GitCheckoutParams says. Nothing that is in the way is overwritten, not even a file that Git ignores."""
    branch = branch_of(params.branch)
    opened.configured.trust.check_filters()
    await check_nothing_under_way(opened)
    command = ["switch", "--quiet", "--no-guess", "--no-overwrite-ignore", "--no-recurse-submodules"]
    if params.create:
        start = [] if params.start is None else [await _start(opened, params.start)]
        command += ["--create", branch, *start]
    elif await _exists(opened, f"refs/heads/{branch}"):
        command += [branch]
    else:
        local, remote = await _remote_branch(opened, branch)
        command += [local] if await _exists(opened, f"refs/heads/{local}") else ["--create", local, "--track", remote]
    _ = await carry_out(opened, Command(command, is_repeatable="--create" not in command))


async def create(opened: Opened, params: GitBranchParams) -> None:
    """As GitBranchParams says."""
    branch = branch_of(params.branch)
    start = "HEAD" if params.start is None else await _start(opened, params.start)
    if params.start is None and await opened.commit("HEAD") is None:
        raise WireError(ErrorCode.CONFLICT, "There is no commit yet from which a branch could start: commit first.")
    _ = await carry_out(opened, Command(["branch", "--no-recurse-submodules", branch, start]))


async def delete(opened: Opened, params: GitDeleteBranchParams) -> None:
    """As GitDeleteBranchParams says."""
    branch = branch_of(params.branch)
    ref = f"refs/heads/{branch}"
    if not await _exists(opened, ref):
        raise WireError(ErrorCode.NOT_FOUND, f"There is no local branch {branch}; git.branches lists them.")
    if await current(opened) == branch:
        raise WireError(ErrorCode.CONFLICT, f"{branch} is checked out: switch to another branch first.")
    if not params.force and await _is_only_place(opened, ref):
        raise WireError(
            ErrorCode.CONFLICT,
            f"{branch} has commits that are on no other branch: merge or push it first, or delete it with force.",
        )
    _ = await carry_out(opened, Command(["branch", "--quiet", "-D", branch]))


async def check_nothing_under_way(opened: Opened) -> None:
    """Raises WireError conflict in the middle of a merge, rebase, cherry-pick, revert or bisection."""
    state = await asyncio.to_thread(opened.repository.state)
    if state == "bisecting":
        raise WireError(ErrorCode.CONFLICT, "A bisection is under way: end it with git bisect reset in a terminal.")
    if state != "clean":
        raise WireError(
            ErrorCode.CONFLICT, f"The repository is {state}: finish that (resolve, stage, commit) or abort it first."
        )


async def _is_only_place(opened: Opened, ref: str) -> bool:
    others = [f"--exclude={ref}", "--glob=refs/heads", "--glob=refs/remotes"]
    output = await opened.read(["rev-list", "--max-count=1", ref, "--not", *others])
    return bool(output.stdout.strip())


async def _exists(opened: Opened, ref: str) -> bool:
    return not (await opened.ask(["show-ref", "--verify", "--quiet", "--", ref])).code


async def _start(opened: Opened, start: str) -> str:
    """The full name of a branch, so that a new one can follow it, else the commit."""
    commit = await opened.commit(start)
    if commit is None:
        raise WireError(ErrorCode.NOT_FOUND, "`start` names no commit of this repository; git.branches lists some.")
    named = await opened.ask(["rev-parse", "--symbolic-full-name", "--verify", "--quiet", "--end-of-options", start])
    name = named.stdout.decode("utf-8", "replace").strip()
    return name if name.startswith("refs/remotes/") and "\n" not in name else commit


async def _remote_branch(opened: Opened, branch: str) -> tuple[str, str]:
    """Local name and full remote name for a branch that is only on a remote."""
    remotes = (await opened.read(["remote"])).stdout.decode("utf-8", "replace").splitlines()
    for remote in sorted(remotes, key=len, reverse=True):
        if branch.startswith(f"{remote}/") and await _exists(opened, f"refs/remotes/{branch}"):
            return branch_of(branch.removeprefix(f"{remote}/")), f"refs/remotes/{branch}"
    found = [each for each in remotes[:50] if await _exists(opened, f"refs/remotes/{each}/{branch}")]
    if len(found) > 1:
        raise WireError(
            ErrorCode.CONFLICT, f"{branch} is on several remotes ({', '.join(found[:5])}): say which, as remote/branch."
        )
    if not found:
        raise WireError(ErrorCode.NOT_FOUND, f"There is no branch {branch}; fetch, or make it with `create`.")
    return branch, f"refs/remotes/{found[0]}/{branch}"
