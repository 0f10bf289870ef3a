"""A commit of what is staged. Hooks and signing are the user's own act, as under plain Git."""

import asyncio

from node.git.acting import HOOKS_S, Command, attempt, carry_out, refused, refused_by_hook
from node.git.acts import Act
from node.git.opening import Opened
from node.git.process import Watched
from ws.protocol.errors import ErrorCode, WireError, invalid
from ws.protocol.git import GitCommitParams

_HOOKS = ("pre-commit", "prepare-commit-msg", "commit-msg")


async def commit(opened: Opened, params: GitCommitParams, act: Act) -> None:
    """As GitCommitParams says. Raises WireError; what `all` staged stays staged when the commit is refused."""
    if not params.message.strip() and not params.amend:
        raise invalid("message", "A commit needs a message.")
    if "\0" in params.message:
        raise invalid("message", "A message holds no NUL character.")
    opened.configured.trust.check_filters()
    state = await asyncio.to_thread(opened.repository.state)
    if state == "rebasing":
        raise WireError(
            ErrorCode.CONFLICT,
            "A rebase is under way: resolve and stage, then run git rebase --continue in a terminal; or abort it.",
        )
    if params.amend and state != "clean":
        raise WireError(ErrorCode.CONFLICT, f"The repository is {state}: finish that or abort it, then amend.")
    if params.all:
        _ = await carry_out(opened, Command(["add", "--all"]))
    act.tell("Committing")
    command = ["commit", "--quiet", "--no-status", "--cleanup=whitespace"]
    command += ["--amend"] if params.amend else []
    command += ["--file=-"] if params.message.strip() else ["--no-edit"]
    stdin = params.message.encode("utf-8", "replace") if params.message.strip() else b""
    output = await attempt(
        opened,
        Command(command, deadline_s=HOOKS_S, with_hooks=True, watched=Watched(stdin, act.reader())),
    )
    if output.code:
        raise await refused_by_hook(opened, output, _HOOKS) or refused(output, opened)
