"""What a provider can do: asked once, kept, and asked again in the background when it is old."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from providers.base import ProviderFailed
from providers.tasks import TaskStarter
from ws.protocol.providers import ProviderInfo

FIRST_S = 1.8
"""The first answer of providers.list is due in 2 s; a handshake takes 0.25–7 s. It goes on, a later answer has it."""

AWAITED_S = 29.0
"""For who awaits it: the bound of `Provider.describe` is 30 s."""

FRESH_S = 600.0
"""A description that is available is kept so long: models and commands change with an update of the agent."""

RETRY_S = 10.0
"""One that is not is asked for again: somebody may have signed in meanwhile."""


@dataclass(frozen=True)
class Ages:
    """Seconds that a description is kept which is available, and one which is not."""

    fresh_s: float
    retry_s: float


class Description:
    """`ask` may raise :class:`ProviderFailed` and TimeoutError; `unavailable` makes a description of such a reason.

    `name` is what people call the agent.
    """

    def __init__(
        self,
        name: str,
        ask: Callable[[], Awaitable[ProviderInfo]],
        unavailable: Callable[[str], ProviderInfo],
        start_task: TaskStarter,
        ages: Ages | None = None,
    ) -> None:
        self._name = name
        self._ask = ask
        self._unavailable = unavailable
        self._start_task = start_task
        self._ages = ages or Ages(FRESH_S, RETRY_S)
        self._info: ProviderInfo | None = None
        self._info_until = 0.0
        self._asking: asyncio.Task[None] | None = None

    async def get(self, *, is_awaited: bool = False) -> ProviderInfo:
        """Only while there is no good one is the answer waited for, at most FIRST_S or AWAITED_S."""
        if asyncio.get_running_loop().time() >= self._info_until:
            if self._asking is None or self._asking.done():
                self._asking = self._start_task(self._refresh(), name=f"describe-{self._name}")
            if self._info is None or not self._info.available:
                await asyncio.wait({self._asking}, timeout=AWAITED_S if is_awaited else FIRST_S)
        return self._info or self._unavailable(f"{self._name} is still starting: ask again in a moment.")

    async def _refresh(self) -> None:
        try:
            info = await self._ask()
        except TimeoutError:
            said = f"{self._name} did not answer in time: this machine may be busy, try again."
            info = self._unavailable(said)
        except ProviderFailed as failure:
            info = self._unavailable(str(failure))
        kept_s = self._ages.fresh_s if info.available else self._ages.retry_s
        self._info, self._info_until = info, asyncio.get_running_loop().time() + kept_s
