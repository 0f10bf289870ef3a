"""What an agent yields, as the journal takes it: in its turn, and nothing between turns."""

from collections import deque
from typing import assert_never

import structlog

from node.sessions.approvals import pending
from node.sessions.turns import withdrawn
from providers.base import AgentEvent
from ws.protocol.events import (
    AgentMessage,
    AgentState,
    AgentThought,
    ApprovalRequested,
    ApprovalResolved,
    Delta,
    JournalEvent,
    ModeChanged,
    ModelChanged,
    NativeIdKnown,
    Notice,
    Plan,
    TitleChanged,
    ToolCall,
    ToolCallUpdate,
    TurnEnded,
    TurnStarted,
    Usage,
)
from ws.protocol.sessions import SessionState

log = structlog.get_logger(__name__)

MAX_HELD_BACK = 64
"""Facts that an agent tells between turns wait for the next turn; of more than these the oldest are dropped."""

Fact = NativeIdKnown | ModeChanged | ModelChanged | TitleChanged | Usage | Plan | Notice


class Intake:
    """One session's gate. `is_title_given` is set once a person has named the session: the agent then may not."""

    def __init__(self, *, is_title_given: bool) -> None:
        self.is_title_given = is_title_given
        self._held_back: deque[Fact] = deque(maxlen=MAX_HELD_BACK)
        self._inner_turns = 0

    @property
    def held_back(self) -> list[Fact]:
        """What was told since the last turn; `turn_began` forgets it."""
        return list(self._held_back)

    def native_id(self, state: SessionState) -> str | None:
        """The newest native id, also one that the journal does not have yet."""
        told = [fact.native_id for fact in self._held_back if isinstance(fact, NativeIdKnown)]
        return told[-1] if told else state.native_id

    def forget_native_id(self) -> None:
        """The session goes on with another one."""
        kept = [fact for fact in self._held_back if not isinstance(fact, NativeIdKnown)]
        self._held_back = deque(kept, maxlen=MAX_HELD_BACK)

    def turn_began(self) -> None:
        """A turn has begun and what was held back is written."""
        self._held_back.clear()
        self._inner_turns = 0

    def accept(self, state: SessionState, event: AgentEvent) -> list[JournalEvent | Delta]:
        """What `event` comes to in this state; often nothing."""
        match event:
            case TurnStarted():
                return self._started(state, event)
            case TurnEnded():
                return self._ended(state, event)
            case NativeIdKnown() | ModeChanged() | ModelChanged() | TitleChanged() | Usage() | Plan() | Notice():
                return self._fact(state, event)
            case ApprovalResolved():
                return [event] if pending(state, event.approval) else []
            case ApprovalRequested() if pending(state, event.approval):
                return []
            case AgentState():
                return []  # no part of the journal
            case ApprovalRequested() | AgentMessage() | AgentThought() | ToolCall() | ToolCallUpdate() | Delta():
                if state.turn is None:
                    log.debug("agent_event_outside_turn", session=state.id, type=type(event).__name__)
                    return []
                return [event]
            case _:
                assert_never(event)

    def _started(self, state: SessionState, event: TurnStarted) -> list[JournalEvent | Delta]:
        if state.turn is not None:
            # The agent began a turn by itself just when a prompt's turn had begun: both are one here.
            self._inner_turns += 1
            return []
        begun = [event, *self._held_back]
        self.turn_began()
        return [*begun]

    def _ended(self, state: SessionState, event: TurnEnded) -> list[JournalEvent | Delta]:
        if state.turn is None:
            return []
        if self._inner_turns:
            self._inner_turns -= 1
            return []
        return [*withdrawn(state), event]

    def _fact(self, state: SessionState, event: Fact) -> list[JournalEvent | Delta]:
        if self._is_known(state, event):
            return []
        if state.turn is None:
            self._held_back.append(event)
            return []
        return [event]

    def _is_known(self, state: SessionState, event: Fact) -> bool:
        match event:
            case NativeIdKnown():
                return event.native_id == self.native_id(state)
            case ModeChanged():
                return event.mode == state.mode
            case ModelChanged():
                return (event.model, event.effort) == (state.model, state.effort)
            case TitleChanged():
                return self.is_title_given or event.title == state.title
            case Usage() | Plan() | Notice():
                return False
            case _:
                assert_never(event)
