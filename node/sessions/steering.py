"""Prompts that are being given to the running turn: neither waiting nor taken yet."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from msgspec.structs import replace

from providers.base import Prompt
from ws.protocol.events import PromptQueued, UserMessage
from ws.protocol.sessions import QueuedPrompt, SessionState
from ws.tasks import TaskOwner


class Steering:
    """One session's. `give` hands a prompt to the agent and says whether it was taken; `owner` has its task.

    The agent is told outside the session's serial, for it may have to be read meanwhile; so whatever ends a turn first
    waits here for what is under way (`all_answered`), and a prompt that was taken is always written in its turn.
    """

    def __init__(self, owner: TaskOwner, give: Callable[[Prompt], Coroutine[Any, Any, bool]]) -> None:
        self._owner = owner
        self._give = give
        self._under_way: dict[str, asyncio.Future[bool]] = {}

    def begin(self, prompt: PromptQueued) -> None:
        """Called when the prompt is in the journal and a turn runs."""
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._under_way[prompt.message_id] = answer

        async def give() -> None:
            is_taken = False
            try:
                is_taken = await self._give(Prompt(prompt.message_id, prompt.text, tuple(prompt.attachments)))
            finally:
                answer.set_result(is_taken)

        _ = self._owner.start(give(), name=f"steer {prompt.message_id}")

    async def answered(self, message_id: str) -> None:
        """Wait until the agent has said whether it takes this prompt."""
        answer = self._under_way.get(message_id)
        if answer is not None:
            await asyncio.wait({answer})

    async def all_answered(self) -> None:
        """Wait for all that is under way."""
        if self._under_way:
            await asyncio.wait(self._under_way.values())

    def so_far(self) -> list[str]:
        """Prompts that the agent has answered for, in the order in which they were sent, up to one that it has not."""
        return list(itertools.takewhile(lambda name: self._under_way[name].done(), self._under_way))

    def taken(self, state: SessionState, names: Sequence[str]) -> list[UserMessage]:
        """What to write for those of `names` that were taken."""
        waiting = {each.message_id: each for each in state.queue}
        return [_written(waiting[name]) for name in names if name in waiting and self._under_way[name].result()]

    def settled(self, names: Sequence[str]) -> None:
        """What was taken of `names` is written; what was not waits as any other prompt."""
        for name in names:
            del self._under_way[name]

    def less(self, state: SessionState) -> SessionState:
        """The state as whoever changes the queue may see it: what is being given away is not waiting."""
        if not self._under_way:
            return state
        return replace(state, queue=[each for each in state.queue if each.message_id not in self._under_way])


def _written(prompt: QueuedPrompt) -> UserMessage:
    return UserMessage(
        message_id=prompt.message_id, text=prompt.text, attachments=list(prompt.attachments), by=prompt.by
    )
