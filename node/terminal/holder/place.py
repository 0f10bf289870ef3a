"""Where the holder's socket lies: a short path in a folder that only this user can enter.

The address of a Unix socket holds 107 bytes, so the data folder's own path may be too long; a hash of the database's
path stands for it. The folder is found again by a node that was started another way (from a shell, by a service
manager), whose environment may differ.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

MAX_ADDRESS_BYTES = 107
"""sun_path of Linux (unix(7)) less the closing NUL."""


class PlaceRefused(Exception):
    """No folder can be trusted with the socket; the sentence names the folder and the remedy."""


def addresses(identity: Path, runtime_folder: str | None) -> list[Path]:
    """Where the holder of the node with the database `identity` may be, the preferred one first.

    `runtime_folder` is XDG_RUNTIME_DIR, if the node has one.
    """
    digest = hashlib.sha256(os.fsencode(identity.expanduser().resolve())).hexdigest()[:16]
    paths = [folder / f"terminals-{digest}" for folder in _folders(runtime_folder)]
    return [path for path in dict.fromkeys(paths) if len(os.fsencode(path)) <= MAX_ADDRESS_BYTES]


def prepare(path: Path) -> None:
    """Make the socket's folder (0700), or check that it is this user's alone. Raises PlaceRefused."""
    folder = path.parent
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise PlaceRefused(f"{folder} cannot be made for the terminals' socket: {error.strerror}.") from error
    check(path)


def check(path: Path) -> None:
    """Raises PlaceRefused unless the socket's folder is a real folder that only this user can enter."""
    folder = path.parent
    try:
        about = folder.lstat()
    except OSError as error:
        raise PlaceRefused(f"{folder} cannot be used for the terminals' socket: {error.strerror}.") from error
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o077:
        raise PlaceRefused(
            f"{folder} is not a folder of this user alone (mode 0700), so the terminals' socket is not put there;"
            " remove it and try again."
        )


def _folders(runtime_folder: str | None) -> Iterator[Path]:
    user = os.geteuid()
    if runtime_folder and Path(runtime_folder).is_dir():
        yield Path(runtime_folder) / "switchyard"
    usual = Path(f"/run/user/{user}")
    if usual.is_dir():
        yield usual / "switchyard"
    yield Path(f"/tmp/switchyard-{user}")  # noqa: S108  checked for its owner and mode before use
