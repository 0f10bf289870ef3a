"""One terminal as the holder knows it."""

import os
import signal
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial

from node.terminal.holder.child import start
from node.terminal.holder.messages import Ended, Held, Open, Restart
from node.terminal.holder.record import started
from node.terminal.scrollback import PIPE_BYTES, Descriptors, Scrollback


class HeldTerminal:
    """A program, its descriptors and how it ended. Raises StartFailed when it cannot be started."""

    def __init__(self, wanted: Open) -> None:
        self.terminal = wanted.terminal
        self.about = wanted.about
        self.pid = self.started = 0
        self.descriptors = Descriptors.create(partial(self._start, wanted))
        self.ended_s: float | None = None
        self._ended_at_s: float | None = None
        self._kept_bytes = wanted.kept_bytes
        self._code: int | None = None
        self._signal: str | None = None
        self._scrollback: Scrollback | None = None

    def _start(self, wanted: Open | Restart) -> int:
        self.pid, pty = start(
            wanted.argv, folder=wanted.folder, environment=wanted.environment, cols=wanted.cols, rows=wanted.rows
        )
        self.started = started(self.pid)
        return pty

    def restart(self, wanted: Restart) -> None:
        """Start a program in the place of the one that has ended; its output follows the heading.

        Raises StartFailed, and then everything is as it was.
        """
        pty = self._start(wanted)
        os.set_blocking(pty, False)
        os.close(self.descriptors.pty)
        self.descriptors = replace(self.descriptors, pty=pty)
        self.ended_s = self._ended_at_s = self._code = self._signal = None
        with suppress(OSError):  # no memory for the heading; the program's own output waits for it
            os.write(self.descriptors.memory, wanted.heading.encode())

    @property
    def ended(self) -> Ended:
        return Ended(terminal=self.terminal, code=self._code, signal=self._signal, ended_at_s=self._ended_at_s)

    def as_held(self, request: int | None = None) -> Held:
        return Held(
            request=request,
            terminal=self.terminal,
            pid=self.pid,
            kept_bytes=self._kept_bytes,
            about=self.about,
            has_ended=self.ended_s is not None,
            code=self._code,
            signal=self._signal,
            ended_at_s=self._ended_at_s,
        )

    def reap(self, now_s: float) -> bool:
        """Ask whether the program has just ended, and keep how."""
        if self.ended_s is not None:
            return False
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return False
        self.ended_s = now_s
        self._ended_at_s = time.time()
        code = os.waitstatus_to_exitcode(status)
        if code >= 0:
            self._code = code
        else:
            self._signal = _name_of(-code)
        return True

    def read(self) -> bool:
        """Keep what the program has written; from the first call on the holder is the writer of the scrollback.

        Only while the node is away. False when no more will come. Raises OSError when memory is refused.
        """
        if self._scrollback is None:
            self._scrollback = Scrollback(self.descriptors, self._kept_bytes)
        return not self._scrollback.take(PIPE_BYTES).is_over

    def end_reading(self) -> None:
        """A node attaches and is the writer from here on."""
        self._scrollback = None


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
