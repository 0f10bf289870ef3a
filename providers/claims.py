"""One agent at a time on one native session: two would each hide the other's turns."""

from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from providers.base import Agent, ProviderFailed


class ClaimingAgent(Agent, Protocol):
    """`native_id` is None or empty until the agent has one; `is_over` once it has ended or is ending."""

    @property
    def native_id(self) -> str | None: ...

    @property
    def is_over(self) -> bool: ...


A = TypeVar("A", bound=ClaimingAgent)


def _forget(_native_id: str | None, _agent: ClaimingAgent) -> None:
    """Nothing is kept of agents that are over."""


class Claims(Generic[A]):
    """The agents of one provider, `name` for people, that are opening or open.

    `when_over` is told, at the next opening, of each agent that is over, with the native session it had.
    """

    def __init__(self, name: str, when_over: Callable[[str | None, A], None] = _forget) -> None:
        self._name = name
        self._when_over = when_over
        self._opening: set[str] = set()
        self._open: list[tuple[str | None, A]] = []
        """Each with the native session that it was asked for."""

    async def open(self, native_id: str | None, opening: Callable[[], Awaitable[A]]) -> A:
        """What `opening` opens on that native session, None for a new one without a name.

        Raises :class:`ProviderFailed` when an agent has that session, and what `opening` raises.
        """
        self._release()
        if native_id is None:
            agent = await opening()
        else:
            if native_id in self._opening or any(native_id in (asked, one.native_id) for asked, one in self._open):
                raise ProviderFailed(f"This {self._name} session is open already: use the session that has it.")
            self._opening.add(native_id)
            try:
                agent = await opening()
            finally:
                self._opening.remove(native_id)
        self._open.append((native_id, agent))
        return agent

    def _release(self) -> None:
        over = [(asked, agent) for asked, agent in self._open if agent.is_over]
        self._open = [(asked, agent) for asked, agent in self._open if not agent.is_over]
        for asked, agent in over:
            self._when_over(agent.native_id or asked, agent)
