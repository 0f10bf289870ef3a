"""The reading half of a terminal: from the PTY into the scrollback, no faster than its readers consume."""

import asyncio
from collections.abc import Callable

import structlog

from node.terminal.pace import CONSIDERATE_BATCH_BYTES, FULL_BATCH_BYTES, REST_S, Pace
from node.terminal.scrollback import Scrollback

log = structlog.get_logger(__name__)

RETRY_S = 1.0
"""After the system refused memory for the scrollback. The program waits meanwhile; nothing is lost."""


class OutputPump:
    """Reads while there is credit. Owned by one terminal; `stop` is called before the descriptors are closed.

    `credit` says how many bytes the readers have room for; when it is used up reading stops until `resume`. `on_output`
    is called after the scrollback has grown, `on_over` once, when no process has the terminal open any more.
    """

    def __init__(
        self,
        terminal: str,
        pty: int,
        scrollback: Scrollback,
        pace: Pace,
        *,
        credit: Callable[[], int],
        on_output: Callable[[], None],
        on_over: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._terminal = terminal
        self._pty = pty
        self._scrollback = scrollback
        self._pace = pace
        self._credit = credit
        self._on_output = on_output
        self._on_over = on_over
        self._is_reading = False
        self._is_let_go = False
        self._rest: asyncio.TimerHandle | None = None
        self.is_over = False

    @property
    def is_held_back(self) -> bool:
        """No credit, so the program may have more to say."""
        return not self._is_reading and self._rest is None and not self.is_over

    def resume(self) -> None:
        """Read on; does nothing while reading, resting, let go or over."""
        if self.is_held_back and not self._is_let_go:
            self._is_reading = True
            self._loop.add_reader(self._pty, self._readable)

    def let_go(self) -> None:
        """Read nothing until `take_back`: another process writes the scrollback."""
        self._is_let_go = True
        self._rest_no_more()

    def take_back(self) -> None:
        """Read on where the other process has left off. Does nothing unless let go."""
        if not self._is_let_go or self.is_over:
            return
        try:
            self._scrollback.recover()
        except OSError as error:
            log.warning("terminal_output_waits", terminal=self._terminal, reason=error.strerror, retry_s=RETRY_S)
            self._rest = self._loop.call_later(RETRY_S, self._take_back_rested)
            return
        self._is_let_go = False
        self._on_output()
        self.resume()

    def _take_back_rested(self) -> None:
        self._rest = None
        self.take_back()

    def stop(self) -> None:
        """Read no more, for good."""
        self.is_over = True
        self._rest_no_more()

    def _rest_no_more(self) -> None:
        self._pause()
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def _pause(self) -> None:
        if self._is_reading:
            self._is_reading = False
            self._loop.remove_reader(self._pty)

    def _pause_for(self, seconds: float) -> None:
        self._pause()
        self._rest = self._loop.call_later(seconds, self._rested)

    def _rested(self) -> None:
        self._rest = None
        self.resume()

    def _readable(self) -> None:
        credit = self._credit()
        if credit <= 0:
            self._pause()
            return
        is_considerate = self._pace.is_considerate(self._terminal)
        batch = CONSIDERATE_BATCH_BYTES if is_considerate else FULL_BATCH_BYTES
        try:
            taken = self._scrollback.take(min(credit, batch))
        except OSError as error:
            log.warning("terminal_output_waits", terminal=self._terminal, reason=error.strerror, retry_s=RETRY_S)
            self._pause_for(RETRY_S)
            return
        if taken.moved:
            self._on_output()
        if taken.is_over:
            self.stop()
            self._on_over()
        elif is_considerate and taken.moved * 2 > batch and self._is_reading:
            self._pause_for(REST_S)
