"""Starting and stopping: in order, in time, and once."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

import structlog

from ws.defects import log_defect

log = structlog.get_logger(__name__)

STOP_DEADLINE_S = 4.5
"""For everything together; the promise is 5 s from the signal to the end of the process."""

GRACE_S = 0.3
"""What a service gets even when those before it have used up all the time: the store must still be closed."""


class Supervisor:
    """What was started is stopped in the opposite order. Made in the main thread, on the running loop."""

    def __init__(self) -> None:
        self._closers: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        self._signal: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._signalled, number)
        # A node outlives the shell that started it.
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _hung_up)

    @property
    def ends_terminals(self) -> bool:
        """True after Ctrl-C: then terminals end too, while SIGTERM leaves them to the next start."""
        return self._signal.done() and self._signal.result() is signal.SIGINT

    def started(self, name: str, close: Callable[[], Awaitable[None]]) -> None:
        """`close` is to be called at the end; it may take its part of STOP_DEADLINE_S."""
        self._closers.append((name, close))

    async def until_signalled(self) -> signal.Signals:
        """The first SIGINT or SIGTERM."""
        return await self._signal

    async def close(self) -> None:
        """Stop everything. What fails or takes too long is logged, and the rest is stopped all the same."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + STOP_DEADLINE_S
        for name, close in reversed(self._closers):
            try:
                async with asyncio.timeout(max(deadline - clock(), GRACE_S)):
                    await close()
            except TimeoutError:
                log.warning("service_did_not_stop", service=name)
            except Exception as error:  # noqa: BLE001 (the others must still be stopped)
                log_defect("service_stop_failed", error, service=name)
        self._closers.clear()

    def _signalled(self, number: signal.Signals) -> None:
        if not self._signal.done():
            log.info("stopping", signal=signal.Signals(number).name)
            self._signal.set_result(signal.Signals(number))


def _hung_up() -> None:
    log.info("hang_up_ignored", reason="a node reads its configuration at its start")
