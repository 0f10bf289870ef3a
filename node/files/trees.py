"""Copy and remove whole folders through descriptors: a folder that is swapped for a link meanwhile leads nowhere."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event

from ws.protocol.errors import ErrorCode, WireError

MAX_DEPTH = 100
"""Folders within folders. Each level holds one or two descriptors open, of the 1,024 that a process commonly has."""
_CHUNK_BYTES = 8 * 1024 * 1024
"""Copied between two looks at whether anybody still waits for it."""
_KEPT_BITS = 0o1777
"""Set-user-id and set-group-id bits are not copied: the copy may belong to another account than the original."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Abandoned(Exception):
    """The caller has gone; what was made so far is removed by whoever made it."""


@contextmanager
def folder_in(parent: int, name: str) -> Iterator[int]:
    """A descriptor of the folder `name`, which must be no link. Raises OSError."""
    descriptor = os.open(name, _FOLDER, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def copy_entry(source: int, name: str, target: int, new_name: str, stop: Event, depth: int = 0) -> None:
    """Copy a file, a link or a folder with all that is in it to `new_name`, which must not exist. Blocks.

    Modes and times stay, links stay links. Raises Abandoned when `stop` is set, OSError, and WireError for what cannot
    be copied: sockets, devices, too deep a tree. After an error a part of the copy is left: remove it.
    """
    if stop.is_set():
        raise Abandoned
    status = os.stat(name, dir_fd=source, follow_symlinks=False)
    if stat.S_ISDIR(status.st_mode):
        _copy_folder(source, name, target, new_name, stop, depth)
    elif stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(name, dir_fd=source), new_name, dir_fd=target)
        times = (status.st_atime_ns, status.st_mtime_ns)
        os.utime(new_name, ns=times, dir_fd=target, follow_symlinks=False)
    elif stat.S_ISREG(status.st_mode):
        _copy_file(source, name, target, new_name, stop)
    elif stat.S_ISFIFO(status.st_mode):
        os.mkfifo(new_name, stat.S_IMODE(status.st_mode) & _KEPT_BITS, dir_fd=target)
    else:
        raise WireError(ErrorCode.CONFLICT, "A socket or a device cannot be copied: remove it, or leave it out.")


def remove_entry(parent: int, name: str, *, is_ours: bool = False, depth: int = 0) -> None:
    """Remove a file, a link or a folder with all that is in it. Blocks. Raises OSError and WireError (too deep).

    `is_ours`: this program made it, so folders that nobody may write in, as their originals, go too.
    """
    try:
        os.unlink(name, dir_fd=parent)
    except IsADirectoryError:
        pass
    else:
        return
    _check_depth(depth)
    with folder_in(parent, name) as folder:
        if is_ours:
            os.fchmod(folder, 0o700)
        for each in _names(folder):
            with suppress(FileNotFoundError):  # somebody else removed it first
                remove_entry(folder, each, is_ours=is_ours, depth=depth + 1)
    os.rmdir(name, dir_fd=parent)


def _copy_folder(source: int, name: str, target: int, new_name: str, stop: Event, depth: int) -> None:
    _check_depth(depth)
    with folder_in(source, name) as folder:
        os.mkdir(new_name, 0o700, dir_fd=target)
        with folder_in(target, new_name) as copy:
            for each in _names(folder):
                copy_entry(folder, each, copy, each, stop, depth + 1)
            status = os.fstat(folder)
            os.fchmod(copy, stat.S_IMODE(status.st_mode) & _KEPT_BITS)
            os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))


def _copy_file(source: int, name: str, target: int, new_name: str, stop: Event) -> None:
    reading = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=source)
    try:
        status = os.fstat(reading)
        if not stat.S_ISREG(status.st_mode):
            raise WireError(ErrorCode.CONFLICT, "A file turned into something else while it was copied; try again.")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        writing = os.open(new_name, flags, 0o600, dir_fd=target)
        try:
            _copy_content(reading, writing, stop)
            os.fchmod(writing, stat.S_IMODE(status.st_mode) & _KEPT_BITS)
            os.utime(writing, ns=(status.st_atime_ns, status.st_mtime_ns))
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _copy_content(reading: int, writing: int, stop: Event) -> None:
    """By the kernel where it can, which shares the blocks on file systems that know how."""
    is_by_kernel = True
    while True:
        if stop.is_set():
            raise Abandoned
        if is_by_kernel:
            try:
                copied = os.copy_file_range(reading, writing, _CHUNK_BYTES)
            except OSError:
                # Not between these two, or the disk is full: plain reading and writing copies it or says why not.
                is_by_kernel = False
                continue
            if copied == 0:
                is_by_kernel = False  # files of /proc end at once that way and have content all the same
            continue
        chunk = memoryview(os.read(reading, _CHUNK_BYTES))
        if not chunk:
            return
        while chunk:
            chunk = chunk[os.write(writing, chunk) :]


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _check_depth(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise WireError(
            ErrorCode.TOO_LARGE, f"This folder is nested more than {MAX_DEPTH} deep; use a terminal for it."
        )
