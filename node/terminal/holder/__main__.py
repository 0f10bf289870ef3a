"""``python -m node.terminal.holder ADDRESS LOG``: become the holder at ADDRESS; returns once it can be reached.

Standard error says in one sentence why it cannot. What the holder itself has to say later goes to the file LOG (0600).
"""

import fcntl
import os
import sys
from contextlib import suppress
from pathlib import Path

from node.terminal.holder import channel, place, record
from node.terminal.holder.server import HolderServer

_HIGHEST_DESCRIPTOR = 1 << 20


def main(address: Path, log: Path) -> int:
    # What the node's event loop lets slip into its children (uvloop: ends of its own pipes) must not live on in here.
    os.closerange(3, _HIGHEST_DESCRIPTOR)
    try:
        place.prepare(address)
    except place.PlaceRefused as error:
        sys.stderr.write(f"{error}\n")
        return 1
    lock = address.with_suffix(".lock")
    if not _is_locked_for_life(lock):
        return 0  # another holder was quicker; the node finds that one
    address.unlink(missing_ok=True)
    listener = channel.new_socket()
    before = os.umask(0o177)
    listener.bind(os.fspath(address))
    os.umask(before)
    listener.listen(4)
    if os.fork():
        return 0
    _leave(log)
    running = record.beside(address)
    HolderServer(listener, running).run()
    address.unlink(missing_ok=True)
    running.unlink(missing_ok=True)
    lock.unlink(missing_ok=True)
    return 0


def _is_locked_for_life(path: Path) -> bool:
    """Lock the file `path` for this process and its child. False when another holder has it."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        # A holder that ends removes its lock file: what was locked must still be the file of that name.
        with suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(lock).st_ino:
                return True
        os.close(lock)


def _leave(log: Path) -> None:
    """Belong to nobody: own session, no working folder to keep busy, no standard streams of the node."""
    os.setsid()
    os.chdir("/")
    nowhere = os.open(os.devnull, os.O_RDWR)
    errors = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    for stream, target in ((0, nowhere), (1, nowhere), (2, errors)):
        os.dup2(target, stream)
    os.close(nowhere)
    os.close(errors)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
