"""The fence of every file operation: which paths this node opens at all."""

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from node.files.failures import looping, shown, wire_error
from node.files.pool import FilePool
from ws.protocol.base import MAX_PATH_CHARS
from ws.protocol.errors import ErrorCode, WireError, invalid

MAX_NAME_BYTES = 255
"""NAME_MAX of every file system in use on Linux."""


PROCESSES = Path("/proc")


@dataclass(frozen=True)
class Opened:
    """An object inside the roots, held by a descriptor that no rename or swapped link can turn elsewhere.

    `descriptor` is an O_PATH one: it names the object and reads nothing, so a FIFO or a device does not act.
    """

    descriptor: int
    path: Path
    status: os.stat_result

    def reopen(self, flags: int = os.O_RDONLY) -> int:
        """A descriptor for reading the very same object; the caller closes it. Raises OSError."""
        return os.open(f"/proc/self/fd/{self.descriptor}", flags | os.O_NONBLOCK | os.O_CLOEXEC)


@dataclass(frozen=True)
class Spot:
    """A name in a folder inside the roots, whatever has that name, if anything: it is never followed.

    `folder` is a descriptor of the folder, opened for reading, so that every act names the last step relative to it.
    """

    folder: int
    name: str
    path: Path

    def status(self) -> os.stat_result:
        """Of what has the name, a link itself. Raises OSError."""
        return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)


class PathGuard:
    """Paths inside `roots`, symbolic links followed, less the folders that hold this program's own data.

    **Check and use without a race.** A path is first resolved as text (`resolve`): what leads out of the roots is
    refused before anything is opened, whether it exists or not. The result is opened with O_PATH | O_NOFOLLOW, and the
    kernel is asked which object that descriptor really holds (/proc/self/fd); a folder on the way that was swapped for
    a link between the two steps shows there and is refused. All further work goes through that descriptor: files are
    read by it, and a write opens the parent folder this way and then names only the last step relative to it.

    `data_folders` are closed with everything below; of a database that lies elsewhere, the files whose names begin with
    its name (-wal, -shm, a lock) are. Hard links and bind mounts made by the account itself are no matter of this
    fence, and none of it holds whoever has a terminal.

    Resolves its folders when it is made, so make it before the loop runs or in a thread. Needs /proc.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        pool: FilePool,
        *,
        data_folders: Sequence[Path] = (),
        databases: Sequence[Path] = (),
    ) -> None:
        self._pool = pool
        self.roots = tuple(dict.fromkeys(Path(os.path.realpath(root)) for root in roots))
        self._closed = tuple(Path(os.path.realpath(folder)) for folder in data_folders)
        self._databases = tuple(Path(os.path.realpath(database)) for database in databases)

    @classmethod
    def for_node(
        cls, roots: Sequence[Path], pool: FilePool, *, database: Path, data_folder: Path, configuration: Sequence[Path]
    ) -> "PathGuard":
        """The guard of a node. The database's folder is a data folder too, unless a root lies in it or is it; and so is
        /proc, where the processes of the account have their environments, with the secrets that some hold. The files of
        `configuration` may hold tokens: they are closed, whether they are there or not.
        """
        folder = os.path.realpath(database.parent)
        holds_a_root = any(Path(os.path.realpath(root)).is_relative_to(folder) for root in roots)
        folders = [data_folder] if holds_a_root else [data_folder, database.parent]
        return cls(roots, pool, data_folders=[*folders, PROCESSES, *configuration], databases=[database])

    async def resolve_directory(self, path: str) -> Path:
        """The real path of an existing folder inside the roots, for whoever starts something there.

        Raises WireError: invalid (relative, NUL, over-long, no folder), forbidden, not_found.
        """
        return await self._pool.run(self._directory, path)

    def resolve(self, path: str) -> Path:
        """`path` with every link followed, existing or not. Blocks.

        Raises WireError: invalid, forbidden, and not_found when a link on the way goes while it is followed.
        """
        check_form(path)
        try:
            real = Path(os.path.realpath(path))
        except OSError as error:  # a link that went away while it was followed
            raise wire_error(error, path) from error
        if not self.allows(real):
            raise outside(path)
        return real

    def allows(self, real: Path) -> bool:
        """Whether this real path lies inside the roots and outside the program's own data."""
        if not any(real.is_relative_to(root) for root in self.roots):
            return False
        return not any(real.is_relative_to(folder) for folder in self._closed) and not self._is_database(real)

    def closed_names(self, folder: Path) -> Callable[[str], bool] | None:
        """Tells which names directly in this real folder are the program's own data; None when none can be."""
        names = {closed.name for closed in self._closed if closed.parent == folder}
        prefixes = tuple(database.name for database in self._databases if database.parent == folder)
        return (lambda name: name in names or name.startswith(prefixes)) if names or prefixes else None

    def parent_of(self, real: Path) -> Path | None:
        """The folder above, or None where the roots end."""
        return real.parent if real.parent != real and self.allows(real.parent) else None

    @contextmanager
    def opened(self, path: str) -> Iterator[Opened]:
        """Hold the object at `path`. Blocks. Raises WireError; an OSError of the body becomes one too."""
        real = self.resolve(path)
        try:
            descriptor = os.open(real, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                yield Opened(descriptor, *self._verified(descriptor, path))
            finally:
                os.close(descriptor)
        except OSError as error:
            raise wire_error(error, path) from error

    @contextmanager
    def spot(self, path: str) -> Iterator[Spot]:
        """Hold the folder of `path`, for what acts on the name itself. Blocks.

        Raises WireError as `opened` does; conflict for a root, for what leads to one, and for a folder that is a file.
        An OSError of the body is raised as it is.
        """
        check_form(path)
        folder, name = os.path.split(path.rstrip("/"))
        if name in {"", ".", ".."}:
            raise invalid("path", "The path must end in the name of a file or a folder.")
        self._refuse_roots(folder, name, path)
        with self.opened(folder) as found:
            if not stat.S_ISDIR(found.status.st_mode):
                raise WireError(ErrorCode.CONFLICT, f"{shown(folder)} is a file, so nothing can lie in it.")
            if not self.allows(found.path / name):
                raise outside(path)
            descriptor = found.reopen(os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield Spot(descriptor, name, found.path / name)
        finally:
            os.close(descriptor)

    def holds_own_data(self, real: Path) -> bool:
        """Whether this real path is a folder somewhere above the program's own data."""
        return any(each.is_relative_to(real) for each in (*self._closed, *self._databases))

    def closed_below(self, real: Path) -> list[tuple[Path, bool]]:
        """What is closed below this real folder, as paths relative to it; True where names only begin that way."""
        closed = [(each, False) for each in self._closed] + [(each, True) for each in self._databases]
        return [(each.relative_to(real), is_begin) for each, is_begin in closed if each.is_relative_to(real)]

    def _refuse_roots(self, folder: str, name: str, path: str) -> None:
        real = Path(os.path.realpath(folder), name)
        if any(root.is_relative_to(real) for root in self.roots):
            raise WireError(
                ErrorCode.CONFLICT,
                f"{shown(path)} is a folder that this node opens (filesystem.roots in its configuration), or holds one:"
                " it stays where it is.",
            )

    def _verified(self, descriptor: int, path: str) -> tuple[Path, os.stat_result]:
        actual = Path(f"/proc/self/fd/{descriptor}").readlink()
        status = os.fstat(descriptor)
        if status.st_nlink == 0 or stat.S_ISLNK(status.st_mode):
            # Deleted since, a link in a loop, or a link put there after the path was resolved.
            if stat.S_ISLNK(status.st_mode) and _leads_nowhere(path):
                raise looping(path)
            raise WireError(ErrorCode.NOT_FOUND, f"There is no {shown(path)} on this machine any more.")
        if not self.allows(actual):
            raise outside(path)
        return actual, status

    def _directory(self, path: str) -> Path:
        with self.opened(path) as found:
            if not stat.S_ISDIR(found.status.st_mode):
                raise invalid("path", f"{shown(path)} is not a folder.")
            return found.path

    def _is_database(self, real: Path) -> bool:
        return any(real.parent == each.parent and real.name.startswith(each.name) for each in self._databases)


def check_form(path: str) -> None:
    """Raise WireError invalid for what can be no path here: relative, with NUL, over-long, undecodable."""
    if not path.startswith("/"):
        raise invalid("path", "The path must be absolute: it begins with a slash.")
    if "\0" in path:
        raise invalid("path", "The path holds a NUL character, which no file name can.")
    try:
        raw = os.fsencode(path)
    except UnicodeEncodeError as error:
        raise invalid("path", "The path holds characters that no file name can.") from error
    if len(raw) >= MAX_PATH_CHARS or any(len(name) > MAX_NAME_BYTES for name in raw.split(b"/")):
        raise invalid(
            "path",
            f"The path is too long: at most {MAX_PATH_CHARS - 1} bytes, and {MAX_NAME_BYTES} in each name.",
        )


def _leads_nowhere(path: str) -> bool:
    try:
        Path(path).stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def outside(path: str) -> WireError:
    """The refusal of a path that leads out of the roots, the same whether anything is there or not."""
    return WireError(
        ErrorCode.FORBIDDEN,
        f"{shown(path)} leads outside the folders that this node opens (filesystem.roots in its configuration), or into"
        " the program's own data, which is never opened.",
    )
