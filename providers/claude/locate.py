"""Where the Claude Code CLI is on this machine. Reads folders: blocks."""

import importlib.util
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path


def find_command(configured: Sequence[str], environment: Mapping[str, str]) -> tuple[str, ...] | None:
    """How to start the CLI: the configured command, else the one in the SDK's wheel, else `claude` on the PATH."""
    if configured:
        program = shutil.which(configured[0], path=environment.get("PATH"))
        return (program, *configured[1:]) if program else None
    bundled = _bundled()
    program = str(bundled) if bundled else shutil.which("claude", path=environment.get("PATH"))
    return (program,) if program else None


def _bundled() -> Path | None:
    package = importlib.util.find_spec("claude_agent_sdk")
    for folder in (package.submodule_search_locations or ()) if package else ():
        program = Path(folder) / "_bundled" / "claude"
        if program.is_file():
            return program
    return None
