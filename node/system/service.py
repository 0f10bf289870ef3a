"""What this machine is: told to Main at the handshake, and shown under Machines."""

import os
import platform
import shutil
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ws.protocol import __version__
from ws.protocol.nodes import Capabilities

MAX_TEXT = 200
"""Characters of what the system says of itself."""


@dataclass(frozen=True)
class SystemFacts:
    """`platform` is for people: system, release, machine. `home` is a real path. `has_git`: `git` is on the PATH."""

    platform: str
    version: str
    python: str
    hostname: str
    home: str
    has_git: bool


def read_facts(path: str | None = None) -> SystemFacts:
    """Ask the system once, at the start; `path` is the PATH of children. Blocks a moment (it reads /etc/os-release)."""
    return SystemFacts(
        platform=_platform()[:MAX_TEXT],
        version=__version__,
        python=platform.python_version(),
        hostname=(socket.gethostname() or "node")[:MAX_TEXT],
        home=os.path.realpath(Path.home()),
        has_git=shutil.which("git", path=path) is not None,
    )


def capabilities(facts: SystemFacts, *, has_terminal: bool, providers: Sequence[str]) -> Capabilities:
    """What the node offers; `providers` are the ids of the agents that it can start."""
    features = ["files", "projects", "sessions", *(["git"] if facts.has_git else [])]
    return Capabilities(terminal=has_terminal, providers=sorted(providers), features=sorted(features))


def _platform() -> str:
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        system = f"{platform.system()} {platform.release()}"
    return f"{system} ({platform.machine()})"
