"""Where Codex is on this machine: as configured, on the PATH, or in the program's own `.tools`. Reads folders: blocks.

What npm puts on the PATH is a Node.js script that starts the program beside it; the program itself is taken, which
saves 43 MB and lets signals reach it.
"""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

APP_SERVER, EXEC = "app-server", "exec"
_VENDORED = ("vendor/*/bin/codex", "vendor/*/codex/codex")
"""In an npm package: as of 0.15x, and before."""

_VERSION = re.compile(r"\d+")


@dataclass(frozen=True)
class Found:
    """How to start Codex: program and first arguments. `forced` is the way of use that the configuration demands."""

    command: tuple[str, ...]
    forced: str | None = None


def find(configured: Sequence[str], environment: Mapping[str, str], tools: Path | None) -> Found | None:
    """The configured command, else `codex` on the PATH, else the newest below `tools`; None when there is none.

    A configured command that ends in `exec` or `app-server` demands that way of use.
    """
    if configured:
        program = shutil.which(configured[0], path=environment.get("PATH"))
        if program is None:
            return None
        arguments, last = configured[1:-1], configured[-1] if len(configured) > 1 else ""
        if last in {APP_SERVER, EXEC}:
            return Found((_program_of(program), *arguments), last)
        return Found((_program_of(program), *configured[1:]))
    on_path = shutil.which("codex", path=environment.get("PATH"))
    program = on_path or _newest_in(tools)
    return Found((_program_of(program),)) if program else None


def _newest_in(tools: Path | None) -> str | None:
    """The newest `codex` that npm installed into a folder of `tools`."""
    if tools is None:
        return None
    packages = sorted(tools.glob("*/node_modules/@openai/codex/package.json"), key=_version)
    return str(packages[-1].parents[2] / ".bin" / "codex") if packages else None


def _version(package: Path) -> tuple[int, ...]:
    try:
        version = msgspec.json.decode(package.read_bytes()).get("version", "")
    except (OSError, msgspec.DecodeError, AttributeError):
        return ()
    return tuple(int(number) for number in _VERSION.findall(str(version).partition("-")[0]))


def _program_of(found: str) -> str:
    """The program behind npm's script; anything else is a program already."""
    script = Path(found).resolve()
    if script.suffix != ".js":
        return found
    return next((str(program) for program in _beside(script.parent.parent) if program.is_file()), found)


def _beside(package: Path) -> Iterator[Path]:
    """Programs in npm's package of Codex, in those of its platforms beside it, and in those below it."""
    for folder in (*package.parent.glob("codex-*"), *package.glob("node_modules/@openai/codex-*"), package):
        for pattern in _VENDORED:
            yield from folder.glob(pattern)
