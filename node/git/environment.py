"""The environments in which Git looks at a repository that may be hostile, and acts in it.

A repository brings its own configuration, and much of it names programs. Looking must run none of them. Acting runs
the hooks of a commit and of a push, because those belong to what the user asked for, and nothing else of it.
Configuration given through GIT_CONFIG_COUNT (Git 2.31) beats every file and reaches the children that Git starts.
"""

from collections.abc import Iterable, Mapping

Settings = Iterable[tuple[str, str]]
"""Key and value; a key may come more than once."""

READING_CONFIG: Mapping[str, str] = {
    "core.fsmonitor": "false",  # else `status` runs the program named there
    "core.hooksPath": "/dev/null",  # `status` may run post-index-change
    "core.pager": "cat",
    "core.quotePath": "false",  # names as they are; only control characters and quotes are escaped
    "credential.helper": "",  # empties the list of helpers
    "diff.autoRefreshIndex": "false",  # `diff` would lock and rewrite the index under a running commit
    "diff.suppressBlankEmpty": "false",
    "log.mailmap": "false",  # mailmap.file could name a pipe
    "log.showSignature": "false",  # runs gpg.program
    "protocol.allow": "never",
    "protocol.ext.allow": "never",
    "submodule.recurse": "false",
}
"""What no repository may change while it is looked at."""

ACTING_CONFIG: Mapping[str, str] = {
    "commit.verbose": "false",
    "core.fsmonitor": "false",
    "core.pager": "cat",
    "core.quotePath": "false",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",  # it would go on behind our back; the user's own Git tidies up
    "log.showSignature": "false",
    "maintenance.auto": "false",
    "merge.verifySignatures": "false",
    "push.recurseSubmodules": "no",
    "submodule.recurse": "false",
    "user.useConfigOnly": "true",  # else Git signs a commit with a name that it guessed from the machine
}
"""What no repository may change while something is done in it."""

REMOTE_PROTOCOLS = "https:ssh:file"
"""How a remote may be reached. `ext` runs any command, `git` and `http` neither encrypt nor prove who answers."""

_FIXED: Mapping[str, str] = {
    "LC_ALL": "C",  # errors are told apart by their English words
    "GIT_ALLOW_PROTOCOL": "none",  # a partial clone would fetch missing objects by a command of its own choice
    "GIT_ATTR_NOSYSTEM": "0",
    "GIT_LITERAL_PATHSPECS": "1",  # a file named `:(glob)*` is a file
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
}

_ACTING: Mapping[str, str] = {
    "LC_ALL": "C.UTF-8",  # English as well, and a hook reads its files as UTF-8
    "GCM_INTERACTIVE": "never",
    "GIT_ASKPASS": "",  # set and empty: none, whatever core.askPass says
    "GIT_ATTR_NOSYSTEM": "0",
    "GIT_EDITOR": ":",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_PAGER": "cat",
    "GIT_SEQUENCE_EDITOR": ":",
    "GIT_TERMINAL_PROMPT": "0",
}

_DROPPED = ("LANGUAGE", "PAGER", "EDITOR", "VISUAL", "SSH_ASKPASS", "DISPLAY", "WAYLAND_DISPLAY")


def reading_environment(
    base: Mapping[str, str], *, ceiling: str | None = None, config: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment of a reading act: `base` without any GIT_*, and with everything above.

    `config` is added to READING_CONFIG. In the folder `ceiling` and above it Git looks for no repository.
    """
    settings = {**READING_CONFIG, **(config or {})}
    return {**_inherited(base), **_FIXED, **_ceiling(ceiling), **_counted(settings.items())}


def acting_environment(
    base: Mapping[str, str], *, ceiling: str, config: Settings, with_hooks: bool, with_remotes: bool, ssh: str | None
) -> dict[str, str]:
    """The environment of an act: `base` without any GIT_*, nobody asked for anything, `config` after ACTING_CONFIG.

    `with_remotes` allows the protocols of REMOTE_PROTOCOLS, with `ssh` as the command to use (None: the usual one).
    Hooks get no setting of ours that would change what Git does for them.
    """
    settings = list(ACTING_CONFIG.items())
    environment = {**_inherited(base), **_ACTING, **_ceiling(ceiling)}
    if not with_hooks:
        settings.append(("core.hooksPath", "/dev/null"))
        environment["GIT_LITERAL_PATHSPECS"] = "1"
        environment["GIT_ALLOW_PROTOCOL"] = "none"
    if with_remotes:
        environment["GIT_ALLOW_PROTOCOL"] = REMOTE_PROTOCOLS
        if ssh is None:
            environment["GIT_SSH_VARIANT"] = "ssh"
        environment["GIT_SSH_COMMAND"] = ssh or "ssh -o BatchMode=yes -o ConnectTimeout=20"
    return environment | _counted([*settings, *config])


def _inherited(base: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in base.items() if not name.startswith("GIT_") and name not in _DROPPED}


def _ceiling(folder: str | None) -> dict[str, str]:
    return {} if folder is None else {"GIT_CEILING_DIRECTORIES": folder}


def _counted(settings: Settings) -> dict[str, str]:
    environment = {}
    number = 0
    for key, value in settings:
        environment[f"GIT_CONFIG_KEY_{number}"] = key
        environment[f"GIT_CONFIG_VALUE_{number}"] = value
        number += 1
    return environment | {"GIT_CONFIG_COUNT": str(number)}
