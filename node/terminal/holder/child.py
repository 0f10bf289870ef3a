"""Starting a program in a new PTY, with nothing of the holder but what it is meant to have."""

import os
import signal
from collections.abc import Callable, Sequence

from ptyprocess import PtyProcess

_CANNOT_BE_RESET = {signal.SIGKILL, signal.SIGSTOP}


class StartFailed(Exception):
    """The program did not start; the sentence says why."""


def start(argv: Sequence[str], *, folder: str, environment: dict[str, str], cols: int, rows: int) -> tuple[int, int]:
    """Run `argv` (its program an absolute path) as leader of a session on a new PTY; answers (pid, PTY master).

    Standard input, output and error are the terminal; no other descriptor is open. Raises StartFailed.
    """
    holder = os.getpid()
    try:
        process = PtyProcess.spawn(list(argv), env=environment, preexec_fn=_in_child(folder), dimensions=(rows, cols))
    except (OSError, ValueError) as error:
        reason = str(error).rstrip(".")
        raise StartFailed(
            f"{argv[0]} could not be started in {folder} ({reason}); look whether both are still there."
        ) from error
    finally:
        if os.getpid() != holder:  # the child, before exec: it must not go on as a second holder
            os._exit(os.EX_OSERR)
    master = os.dup(process.fd)
    # The descriptor and the program are ours from here on: the library's own object would end both when collected.
    process.fileobj.close()
    process.closed = True
    return process.pid, master


def _in_child(folder: str) -> Callable[[], None]:
    """Work between fork and exec; what it raises reaches `start` through the library's error pipe.

    A program that was started in the background has SIGINT and SIGQUIT ignored, Python ignores SIGPIPE, and exec keeps
    what is ignored: without the reset Ctrl-C would do nothing in the terminal.
    """

    def prepare() -> None:
        for number in signal.valid_signals() - _CANNOT_BE_RESET:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        try:
            os.chdir(folder)
        except OSError as error:
            raise OSError(error.strerror) from error  # its text is all that reaches the parent

    return prepare
