"""Where an ACP agent is on this machine. Reads folders: blocks."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path


def find_command(command: Sequence[str], environment: Mapping[str, str], tools: Path | None) -> tuple[str, ...] | None:
    """The command with the whole path of its program: as it stands, else on the PATH, else installed below `tools`.

    None when it is nowhere.
    """
    if not command:
        return None
    program = shutil.which(command[0], path=environment.get("PATH"))
    if program is None and tools is not None and os.sep not in command[0]:
        program = next(map(str, sorted(tools.glob(f"*/node_modules/.bin/{command[0]}"))), None)
    return (program, *command[1:]) if program else None
