"""Make, move, copy, delete and bring back: what happens to names inside the roots, in one step each."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from node.files.failures import shown, wire_error
from node.files.guard import PathGuard, Spot, outside
from node.files.relocating import duplicate, relocate
from node.files.renaming import exists
from node.files.temporaries import Sweeper
from node.files.trash import Trash
from node.files.trees import MAX_DEPTH, folder_in, remove_entry
from ws.protocol.errors import ErrorCode, WireError, invalid


@dataclass(frozen=True)
class Change:
    """From where to where; `is_replacing`: what stands at `target` goes to the trash first."""

    source: str
    target: str
    is_replacing: bool


class Placer:
    """All methods block, act on names (links themselves, never what they lead to) and raise WireError.

    Those that may take long look at `stop` and raise Abandoned once it is set; then everything is as it was.
    """

    def __init__(self, guard: PathGuard, trash: Trash, sweeper: Sweeper) -> None:
        self._guard = guard
        self._trash = trash
        self._sweeper = sweeper

    def make_folder(self, path: str, *, has_parents: bool) -> Path:
        """A new folder, or with `has_parents` all that are missing on the way; one that exists is then no error."""
        if has_parents:
            return self._make_folders(path)
        with self._spot(path) as spot:
            try:
                os.mkdir(spot.name, dir_fd=spot.folder)
            except FileExistsError as error:
                raise _taken(path) from error
            return spot.path

    def move(self, change: Change, stop: Event) -> Path:
        """Rename; across file systems the copy is whole before the original goes."""
        with self._both(change) as (source, target):
            with self._room_for(target, source, change, stop):
                try:
                    relocate(source.folder, source.name, target.folder, target.name, stop)
                except FileExistsError as error:
                    raise _taken(change.target) from error
            return target.path

    def copy(self, change: Change, stop: Event) -> Path:
        """Mode and times stay; the owner is the node's account."""
        with self._both(change) as (source, target):
            self._sweeper.sweep(target.folder)
            with self._room_for(target, source, change, stop):
                try:
                    duplicate(source.folder, source.name, target.folder, target.name, stop)
                except FileExistsError as error:
                    raise _taken(change.target) from error
            return target.path

    def delete(self, path: str, stop: Event, *, is_permanent: bool) -> str | None:
        """The id in the trash, or None when it is gone for good."""
        with self._spot(path) as spot:
            spot.status()
            self._refuse_own_data(spot.path, path)
            if is_permanent:
                remove_entry(spot.folder, spot.name)
                return None
            return self._put_away(spot, stop)

    def restore(self, trash: str, stop: Event) -> Path:
        """Back to where it was."""
        with self._trash.kept(trash) as kept, self._old_place(kept.path) as spot:
            try:
                relocate(kept.files, kept.name, spot.folder, spot.name, stop)
            except FileExistsError as error:
                raise WireError(
                    ErrorCode.CONFLICT,
                    f"{shown(kept.path)} is taken by something else; rename that first. The trash keeps this.",
                ) from error
            return spot.path

    @contextmanager
    def _both(self, change: Change) -> Iterator[tuple[Spot, Spot]]:
        with self._spot(change.source) as source:
            is_folder = stat.S_ISDIR(source.status().st_mode)
            self._refuse_own_data(source.path, change.source)
            with self._spot(change.target) as target:
                self._check(source, target, change, is_folder=is_folder)
                yield source, target

    @contextmanager
    def _old_place(self, path: str) -> Iterator[Spot]:
        with ExitStack() as stack:
            try:
                spot = stack.enter_context(self._spot(path))
            except WireError as error:
                if error.code is not ErrorCode.NOT_FOUND:
                    raise
                raise WireError(
                    ErrorCode.CONFLICT,
                    f"The folder of {shown(path)} is gone; make it first. The trash keeps this.",
                ) from error
            yield spot

    @contextmanager
    def _spot(self, path: str) -> Iterator[Spot]:
        try:
            with self._guard.spot(path) as spot:
                yield spot
        except OSError as error:
            raise wire_error(error, path) from error

    def _check(self, source: Spot, target: Spot, change: Change, *, is_folder: bool) -> None:
        if is_folder and target.path.is_relative_to(source.path) and target.path != source.path:
            raise WireError(ErrorCode.CONFLICT, f"{shown(change.source)} cannot go into itself.")
        if not exists(target.folder, target.name):
            return
        if target.path == source.path or not change.is_replacing:
            raise _taken(change.target)
        if source.path.is_relative_to(target.path):
            raise WireError(ErrorCode.CONFLICT, f"{shown(change.source)} lies in what it would replace.")
        self._refuse_own_data(target.path, change.target)
        if is_folder != stat.S_ISDIR(target.status().st_mode):
            raise WireError(
                ErrorCode.CONFLICT,
                f"{shown(change.target)} and {shown(change.source)} are a file and a folder: one does not replace the"
                " other. Delete or rename what stands there first.",
            )

    @contextmanager
    def _room_for(self, target: Spot, source: Spot, change: Change, stop: Event) -> Iterator[None]:
        """What stands in the way is in the trash while the body runs, and comes back when that fails."""
        if not (change.is_replacing and exists(target.folder, target.name)):
            yield
            return
        trash = self._put_away(target, stop)
        try:
            yield
        except BaseException:
            with suppress(OSError, WireError), self._trash.kept(trash) as kept:
                relocate(kept.files, kept.name, target.folder, target.name, Event())
            raise

    def _put_away(self, spot: Spot, stop: Event) -> str:
        try:
            return self._trash.put(spot, stop)
        except OSError as error:
            if error.errno == errno.EINVAL:  # rename(2): into itself
                raise WireError(
                    ErrorCode.CONFLICT, f"The trash lies in {shown(str(spot.path))}; only `permanent` deletes that."
                ) from error
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise WireError(
                    ErrorCode.CONFLICT,
                    f"There is no room left for the trash of {shown(str(spot.path))}: the disk or the quota is full."
                    " Free some space, or delete it with `permanent`; nothing was changed.",
                ) from error
            raise

    def _refuse_own_data(self, real: Path, path: str) -> None:
        if self._guard.holds_own_data(real):
            raise WireError(
                ErrorCode.FORBIDDEN,
                f"{shown(path)} holds this program's own data, so it stays where it is and is not copied.",
            )

    def _make_folders(self, path: str) -> Path:
        """From the deepest folder that exists on; what was made is removed again when a later one fails."""
        real = self._guard.resolve(path)
        top = real
        if len(real.parts) > MAX_DEPTH:
            raise invalid("path", f"At most {MAX_DEPTH} folders can be made within one another.")
        while not os.path.lexists(top) and top.parent != top:
            top = top.parent
        try:
            with self._guard.opened(str(top)) as found:
                if not stat.S_ISDIR(found.status.st_mode):
                    raise WireError(ErrorCode.CONFLICT, f"{shown(str(top))} is a file, so nothing can lie in it.")
                made = found.path / real.relative_to(top)
                if not all(
                    self._guard.allows(each) for each in (made, *made.parents[: len(made.parts) - len(top.parts)])
                ):
                    raise outside(path)
                descriptor = found.reopen(os.O_RDONLY | os.O_DIRECTORY)
            try:
                _make_below(descriptor, real.relative_to(top).parts)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise wire_error(error, path) from error
        return made


def _make_below(folder: int, names: tuple[str, ...]) -> None:
    if not names:
        return
    is_new = True
    try:
        os.mkdir(names[0], dir_fd=folder)
    except FileExistsError:  # made by somebody else meanwhile
        is_new = False
    try:
        with folder_in(folder, names[0]) as below:
            _make_below(below, names[1:])
    except BaseException:
        if is_new:
            with suppress(OSError):
                os.rmdir(names[0], dir_fd=folder)
        raise


def _taken(path: str) -> WireError:
    return WireError(ErrorCode.CONFLICT, f"There is already something at {shown(path)}; choose another name.")
