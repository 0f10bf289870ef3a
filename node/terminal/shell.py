"""What a new terminal runs: program, folder and environment. Blocking: call it in a thread."""

import os
import pwd
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ws.protocol.errors import ErrorCode, WireError, invalid

FALLBACK_SHELL = "/bin/sh"
LOGIN_SHELLS = frozenset({"ash", "bash", "dash", "fish", "ksh", "mksh", "sh", "zsh"})
"""Shells that take ``-l``. The node may run as a service, so nobody has read the user's profile before."""
_DEFAULT_LOCALE = "C.UTF-8"
_SHOWN_CHARS = 200
"""Of a program's name that a refusal repeats."""
_OF_ANOTHER_TERMINAL = (
    *("COLUMNS", "LINES", "OLDPWD", "STY", "TERMCAP", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "TMUX", "TMUX_PANE"),
    *("VTE_VERSION", "WINDOWID"),
)
"""What the terminal in which the node was started says of itself: programs would take ours for that one."""


class Program(NamedTuple):
    """`argv` with the program's absolute path first; `folder` exists and can be entered."""

    argv: list[str]
    folder: str


def resolve(folder: str, shell: str | None, command: list[str] | None, environment: Mapping[str, str]) -> Program:
    """Check what is asked for before anything is started. Raises WireError (invalid, not_found, forbidden)."""
    field = "shell" if command is None else "command"
    if any("\0" in each for each in (shell or "", *(command or ()))):
        raise invalid(field, "A program and its arguments hold no NUL.")
    _check_folder(folder)
    wanted = command[0] if command is not None else shell or login_shell()
    program = _find(wanted, folder, environment)
    if program is None:
        shown = wanted if len(wanted) <= _SHOWN_CHARS else f"{wanted[:_SHOWN_CHARS]}…"
        raise invalid(field, f"There is no program {shown!r} here that can be started; name one by its whole path.")
    if command is not None:
        return Program([program, *command[1:]], folder)
    return Program([program, "-l"] if Path(program).name in LOGIN_SHELLS else [program], folder)


def login_shell() -> str:
    """The shell of the account that the node runs as."""
    try:
        shell = pwd.getpwuid(os.geteuid()).pw_shell
    except KeyError:  # an account without an entry, as containers have
        return FALLBACK_SHELL
    return shell if shell and os.access(shell, os.X_OK) else FALLBACK_SHELL


def terminal_environment(inherited: Mapping[str, str], folder: str) -> dict[str, str]:
    """`inherited`, and what a terminal in `folder` says of itself. A locale is given only where there is none.

    Nothing of the node's own settings is handed on, nor what is not UTF-8: it cannot be told to the holder in JSON.
    """
    environment = {
        name: value
        for name, value in inherited.items()
        if not name.startswith("SWITCHYARD_") and _is_utf8(name) and _is_utf8(value)
    }
    if not any(name in environment for name in ("LC_ALL", "LC_CTYPE", "LANG")):
        environment["LANG"] = _DEFAULT_LOCALE
    for misleading in _OF_ANOTHER_TERMINAL:
        environment.pop(misleading, None)
    # PWD keeps the links by which the folder was named; a shell believes it only when it is true.
    return environment | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PWD": folder}


def _check_folder(folder: str) -> None:
    path = Path(folder)
    try:
        is_folder = path.is_dir()
    except OSError as error:
        raise invalid("path", f"{folder} cannot be looked at: {error.strerror}.") from error
    if not is_folder:
        raise WireError(ErrorCode.NOT_FOUND, f"{folder} is not a folder on this machine; choose another one.")
    if not os.access(path, os.X_OK):
        raise WireError(ErrorCode.FORBIDDEN, f"{folder} cannot be entered by the account that the node runs as.")


def _find(program: str, folder: str, environment: Mapping[str, str]) -> str | None:
    """As a shell in `folder` would find it."""
    wanted = str(Path(folder, program)) if "/" in program else program
    found = shutil.which(wanted, path=environment.get("PATH", os.defpath))
    return str(Path(found).absolute()) if found else None


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
