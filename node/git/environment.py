"""The environment in which Git looks at a repository that may be hostile.

A repository brings its own configuration, and much of it names programs. Looking must run none of them. Configuration
given through GIT_CONFIG_COUNT (Git 2.31) beats every file and reaches the children that Git starts itself.
"""

from collections.abc import Mapping

READING_CONFIG: Mapping[str, str] = {
    "core.fsmonitor": "false",  # else `status` runs the program named there
    "core.hooksPath": "/dev/null",  # `status` may run post-index-change
    "core.pager": "cat",
    "core.quotePath": "false",  # names as they are; only control characters and quotes are escaped
    "credential.helper": "",  # empties the list of helpers
    "diff.autoRefreshIndex": "false",  # `diff` would lock and rewrite the index under a running commit
    "diff.suppressBlankEmpty": "false",
    "log.showSignature": "false",  # runs gpg.program
    "protocol.allow": "never",
    "protocol.ext.allow": "never",
    "submodule.recurse": "false",
}
"""What no repository may change while it is looked at."""

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

_DROPPED = ("LANGUAGE", "PAGER", "EDITOR", "VISUAL", "SSH_ASKPASS")


def reading_environment(
    base: Mapping[str, str], *, ceiling: str | None = None, config: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment of a reading act: `base` without any GIT_*, and with everything above.

    `config` is added to READING_CONFIG. In the folder `ceiling` and above it Git looks for no repository.
    """
    environment = {name: value for name, value in base.items() if not name.startswith("GIT_") and name not in _DROPPED}
    environment |= _FIXED
    if ceiling is not None:
        environment["GIT_CEILING_DIRECTORIES"] = ceiling
    settings = {**READING_CONFIG, **(config or {})}
    environment["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (key, value) in enumerate(settings.items()):
        environment[f"GIT_CONFIG_KEY_{number}"] = key
        environment[f"GIT_CONFIG_VALUE_{number}"] = value
    return environment
