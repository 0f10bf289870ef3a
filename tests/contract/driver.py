"""Drive an agent and keep what it says, every wait with a deadline."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from msgspec.structs import replace

from providers.base import Agent, AgentEvent, Decision, Prompt
from ws.protocol.events import (
    AgentMessage,
    AgentState,
    ApprovalRequested,
    DiffContent,
    OptionKind,
    ToolContent,
    TurnEnded,
)

DEADLINE_S = 30.0
Event = TypeVar("Event")


class Driver:
    """One reader of one agent. `events` is everything since it was opened, but for `states`, which come at any time."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.events: list[AgentEvent] = []
        self.states: list[AgentState] = []
        self._stream: AsyncIterator[AgentEvent] = agent.events()

    async def next(self) -> AgentEvent:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                event = await anext(self._stream)
                if not isinstance(event, AgentState):
                    self.events.append(event)
                    return event
                self.states.append(event)

    async def until_state(self, wanted: Callable[[AgentState], bool]) -> AgentState:
        """The next state that is wanted; what comes before is kept in `events`."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                event = await anext(self._stream)
                if not isinstance(event, AgentState):
                    self.events.append(event)
                    continue
                self.states.append(event)
                if wanted(event):
                    return event

    async def until(self, kind: type[Event], wanted: Callable[[Event], bool] = lambda _event: True) -> Event:
        """The next event of this kind that is wanted; what comes before is kept in `events`."""
        while True:
            event = await self.next()
            if isinstance(event, kind) and wanted(event):
                return event

    async def prompt(self, text: str) -> str:
        """Returns the id of the message: no two prompts of one session have the same."""
        message_id = uuid.uuid4().hex
        await self.agent.prompt(Prompt(message_id=message_id, text=text))
        return message_id

    async def rest_of_turn(self, answer: OptionKind = "allow_once") -> list[AgentEvent]:
        """Everything to the end of the turn; each approval is answered by its first option of kind `answer`."""
        turn: list[AgentEvent] = []
        while not turn or not isinstance(turn[-1], TurnEnded):
            event = await self.next()
            turn.append(event)
            if isinstance(event, ApprovalRequested):
                await self.choose(event, answer)
        return turn

    async def turn(self, text: str, answer: OptionKind = "allow_once") -> list[AgentEvent]:
        await self.prompt(text)
        return await self.rest_of_turn(answer)

    async def choose(self, request: ApprovalRequested, kind: OptionKind) -> None:
        option = next(option.id for option in request.options if option.kind == kind)
        await self.agent.answer(request.approval, Decision(option=option))

    async def rest(self) -> list[AgentEvent]:
        """Everything until the agent ends; raises what it ends with."""
        found: list[AgentEvent] = []
        async with asyncio.timeout(DEADLINE_S):
            async for event in self._stream:
                if isinstance(event, AgentState):
                    self.states.append(event)
                    continue
                self.events.append(event)
                found.append(event)
        return found


def of(kind: type[Event], events: list[AgentEvent]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


def said(events: list[AgentEvent]) -> str:
    return "".join(message.text for message in of(AgentMessage, events))


def trimmed(content: list[ToolContent]) -> list[ToolContent]:
    """Diffs without the line break at their end, which some agents add to what they are told to write."""
    return [
        replace(each, new_text=each.new_text.rstrip("\n")) if isinstance(each, DiffContent) else each
        for each in content
    ]


def ended(events: list[AgentEvent]) -> TurnEnded:
    last = events[-1]
    assert isinstance(last, TurnEnded)
    return last
