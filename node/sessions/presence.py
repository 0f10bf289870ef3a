"""What is known of an agent's program while it lives."""

from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace

from node.sessions.fitting import encode
from ws.protocol.events import MAX_EVENT_BYTES, AgentState

Process = Literal["none", "starting", "live"]

NO_AGENT = AgentState(process="none")

MAX_LISTED = 200
"""Of tasks, servers and commands each; an agent has a few dozen."""


class Presence:
    """One session's. `show` is called with each change."""

    def __init__(self, show: Callable[[AgentState], None]) -> None:
        self._show = show
        self._state = NO_AGENT

    def process(self, process: Process) -> None:
        """The program starts, lives, or is gone with all that it told."""
        self._put(replace(self._state, process=process) if process == "live" else AgentState(process=process))

    def told(self, state: AgentState) -> None:
        """What the agent says of itself."""
        if self._state.process != "none":
            self._put(_bounded(replace(state, process=self._state.process)))

    def _put(self, state: AgentState) -> None:
        if state != self._state:
            self._state = state
            self._show(state)


def _bounded(state: AgentState) -> AgentState:
    commands = None if state.commands is None else state.commands[:MAX_LISTED]
    state = replace(state, tasks=state.tasks[:MAX_LISTED], servers=state.servers[:MAX_LISTED], commands=commands)
    if len(encode(state)) <= MAX_EVENT_BYTES:
        return state
    return AgentState(process=state.process)
