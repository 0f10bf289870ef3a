"""Going on with something for as long as it is wanted, whatever goes wrong in it."""

import asyncio
from collections.abc import Awaitable, Callable

from ws.defects import log_defect

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0


async def go_on(work: Callable[[], Awaitable[None]], what: str, is_wanted: Callable[[], bool] = lambda: True) -> None:
    """Do it again and again while it is wanted. A defect is logged once, until it has worked again, and what has failed
    is tried again later and later.
    """
    wait_s = 0.0
    while is_wanted():
        try:
            await work()
        except Exception as error:  # noqa: BLE001 (nobody waits for this task: what ends it would end it silently)
            if not wait_s:
                _ = log_defect("following_failed", error, what=what)
            wait_s = min(wait_s * 2 or FIRST_WAIT_S, LONGEST_WAIT_S)
            await asyncio.sleep(wait_s)
        else:
            wait_s = 0.0
