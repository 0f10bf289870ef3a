"""The account's trash as desktops know it, so that what is deleted here is found there too.

Layout and names are those of the FreeDesktop.org Trash specification 1.0: `files/NAME` is what was deleted,
`info/NAME.trashinfo` tells its place and time. What lies on another file system than the home trash goes to
`.Trash-UID` (or the administrator's `.Trash/UID`) at the top of that file system: only a rename is quick and whole.
"""

import base64
import binascii
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event
from urllib.parse import quote, unquote_to_bytes

from node.files.failures import shown
from node.files.guard import Spot
from node.files.relocating import relocate
from node.files.trees import folder_in
from ws.protocol.errors import ErrorCode, WireError

_MAX_NAME_BYTES = 255 - len(".trashinfo") - len(".00000000")
_MAX_INFO_BYTES = 64 * 1024
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HOME = ""
"""Stands for the home trash where the top folder of a file system is named."""


@dataclass(frozen=True)
class _Bin:
    """An open trash: `top` is the folder that paths in it are relative to, empty for the home trash."""

    top: str
    files: int
    info: int


@dataclass(frozen=True)
class Kept:
    """Something in the trash: `name` in the open folder `files`, and the absolute path where it was."""

    files: int
    name: str
    path: str


class Trash:
    """`home` is the folder of the home trash (made when it is needed), None where the account has no home.

    All of it is the node's own act: the trash may lie outside the roots, and nothing else there is touched.
    """

    def __init__(self, home: Path | None) -> None:
        self._home = home

    @classmethod
    def of_account(cls, environment: Mapping[str, str]) -> "Trash":
        """Where the specifications put it: $XDG_DATA_HOME/Trash, by default ~/.local/share/Trash."""
        data, home = environment.get("XDG_DATA_HOME", ""), environment.get("HOME", "")
        if data.startswith("/"):
            return cls(Path(data, "Trash"))
        return cls(Path(home, ".local/share/Trash") if home.startswith("/") else None)

    def put(self, spot: Spot, stop: Event) -> str:
        """Move what has this name to the trash, links as links; the id that brings it back. Blocks.

        Raises OSError when the thing itself cannot be moved, Abandoned, and WireError conflict where no trash can be
        made.
        """
        device = spot.status().st_dev
        with ExitStack() as stack:
            bin_ = self._bin_for(spot, device, stack)
            original = str(spot.path) if bin_.top == _HOME else os.path.relpath(spot.path, bin_.top)
            wanted = spot.name
            while True:
                name = _announce(bin_.info, wanted, original)
                try:
                    relocate(spot.folder, spot.name, bin_.files, name, stop)
                except FileExistsError:  # lies there without a record
                    os.unlink(f"{name}.trashinfo", dir_fd=bin_.info)
                    wanted = f"{secrets.token_hex(4)}.{spot.name}"
                except BaseException:
                    os.unlink(f"{name}.trashinfo", dir_fd=bin_.info)
                    raise
                else:
                    return _id_of(bin_.top, name)

    @contextmanager
    def kept(self, trash: str) -> Iterator[Kept]:
        """What an id stands for, to be moved away by the body, after which its record goes. Blocks.

        Raises WireError not_found for an id of nothing.
        """
        top, name = _read_id(trash)
        with ExitStack() as stack:
            try:
                bin_ = self._open(top, stack)
                os.stat(name, dir_fd=bin_.files, follow_symlinks=False)
                original = _original(bin_, name)
            except OSError as error:
                raise _unknown() from error
            yield Kept(bin_.files, name, original)
            with suppress(FileNotFoundError):
                os.unlink(f"{name}.trashinfo", dir_fd=bin_.info)

    def _bin_for(self, spot: Spot, device: int, stack: ExitStack) -> _Bin:
        """The home trash, or that of the file system on which the thing lies."""
        try:
            if self._home is not None:
                self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
                if self._home.stat().st_dev == device:
                    return self._open(_HOME, stack, is_made=True)
            return self._open(str(_top_of(spot.path.parent, device)), stack, is_made=True)
        except OSError as error:
            raise WireError(
                ErrorCode.CONFLICT,
                f"There is no trash for {shown(str(spot.path))} and none can be made ({error.strerror or error});"
                " `permanent` deletes it for good.",
            ) from error

    def _open(self, top: str, stack: ExitStack, *, is_made: bool = False) -> _Bin:
        """Raises OSError; every folder below the top must be a folder of this account and no link."""
        if top == _HOME:
            if self._home is None:
                raise FileNotFoundError
            trash = os.open(self._home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, trash)
        else:
            if not os.path.ismount(top):
                raise FileNotFoundError
            above = os.open(top, _FOLDER)
            stack.callback(os.close, above)
            trash = self._of_account(above, stack, is_made=is_made)
        if os.fstat(trash).st_uid != os.geteuid():
            raise PermissionError
        return _Bin(
            top,
            _subfolder(trash, "files", stack, is_made=is_made),
            _subfolder(trash, "info", stack, is_made=is_made),
        )

    @staticmethod
    def _of_account(top: int, stack: ExitStack, *, is_made: bool) -> int:
        """`.Trash/UID` where the administrator has made a sticky `.Trash`, else `.Trash-UID`."""
        with suppress(OSError):
            shared = stack.enter_context(folder_in(top, ".Trash"))
            if os.fstat(shared).st_mode & stat.S_ISVTX:
                return _subfolder(shared, str(os.geteuid()), stack, is_made=is_made)
        return _subfolder(top, f".Trash-{os.geteuid()}", stack, is_made=is_made)


def _subfolder(parent: int, name: str, stack: ExitStack, *, is_made: bool) -> int:
    if is_made:
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent)
    return stack.enter_context(folder_in(parent, name))


def _top_of(folder: Path, device: int) -> Path:
    """The folder nearest to `/` that still lies on this device."""
    while folder.parent != folder and folder.parent.stat().st_dev == device:
        folder = folder.parent
    return folder


def _announce(info: int, name: str, original: str) -> str:
    """Write the record, which the specification asks for first; it also reserves the name. Raises OSError."""
    base = os.fsdecode(os.fsencode(name)[:_MAX_NAME_BYTES])
    moment = datetime.now().astimezone().strftime("%Y-%m-%dT%H:%M:%S")
    text = f"[Trash Info]\nPath={quote(os.fsencode(original))}\nDeletionDate={moment}\n"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    tried = base
    while True:
        with suppress(FileExistsError):
            descriptor = os.open(f"{tried}.trashinfo", flags, 0o600, dir_fd=info)
            break
        tried = f"{base}.{secrets.token_hex(4)}"
    try:
        with os.fdopen(descriptor, "wb") as record:
            record.write(text.encode("ascii"))
    except OSError:  # a full disk
        os.unlink(f"{tried}.trashinfo", dir_fd=info)
        raise
    return tried


def _original(bin_: _Bin, name: str) -> str:
    """Where the thing was. Raises OSError, and WireError for a record that says nothing sound."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(f"{name}.trashinfo", flags, dir_fd=bin_.info), "rb") as record:
        lines = record.read(_MAX_INFO_BYTES).split(b"\n")
    path = next((os.fsdecode(unquote_to_bytes(line[5:])) for line in lines if line.startswith(b"Path=")), None)
    if path is None:
        raise _unknown()
    return path if bin_.top == _HOME else os.path.join(bin_.top, path)  # noqa: PTH118  as the record has it


def _id_of(top: str, name: str) -> str:
    return base64.urlsafe_b64encode(os.fsencode(f"{top}\0{name}")).decode("ascii")


def _read_id(trash: str) -> tuple[str, str]:
    try:
        text = os.fsdecode(base64.b64decode(trash.encode("ascii"), altchars=b"-_", validate=True))
    except (UnicodeEncodeError, binascii.Error) as error:
        raise _unknown() from error
    top, separator, name = text.partition("\0")
    if not separator or name in {"", ".", ".."} or "/" in name or "\0" in name or (top and not top.startswith("/")):
        raise _unknown()
    return top, name


def _unknown() -> WireError:
    return WireError(ErrorCode.NOT_FOUND, "The trash holds nothing under this id; it may have been emptied.")
