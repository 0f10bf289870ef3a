"""Move something to a new name in one step, across file systems too."""

import errno
from contextlib import suppress
from threading import Event

from node.files.failures import shown
from node.files.renaming import rename_new, write_out
from node.files.temporaries import temporary_name
from node.files.trees import copy_entry, remove_entry
from ws.protocol.errors import ErrorCode, WireError


def relocate(source: int, name: str, target: int, new_name: str, stop: Event) -> None:
    """Rename, or where that leads to another file system copy and then remove. Blocks.

    Raises FileExistsError when the new name is taken, Abandoned, OSError and WireError; then the original is as it was,
    unless the error says otherwise.
    """
    try:
        rename_new(source, name, target, new_name)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    else:
        return
    duplicate(source, name, target, new_name, stop)
    write_out(target)
    try:
        remove_entry(source, name)
    except (OSError, WireError) as error:
        raise WireError(
            ErrorCode.CONFLICT,
            f"{shown(name)} is whole in its new place, but the original could not be removed; a part of it is left.",
        ) from error


def duplicate(source: int, name: str, target: int, new_name: str, stop: Event) -> None:
    """A copy that appears under its name when it is whole. Blocks. Raises as `relocate` does; then nothing is left."""
    temporary = temporary_name()
    try:
        copy_entry(source, name, target, temporary, stop)
        rename_new(target, temporary, target, new_name)
    except BaseException:
        with suppress(FileNotFoundError):
            remove_entry(target, temporary, is_ours=True)
        raise
