"""Taking what was added elsewhere to an agent's session into the journal of ours."""

from collections.abc import Awaitable, Callable, Sequence

from node.sessions.actor import Actor, AgentEnding
from node.sessions.journal import Journal
from ws.protocol.events import JournalEvent

Read = Callable[[], Awaitable[Sequence[JournalEvent]]]
"""Whole turns, read anew at each call."""


async def take_in(
    journal: Journal, actor: Actor, read: Read, append: Callable[[Sequence[JournalEvent]], Awaitable[int]]
) -> bool:
    """Append what `read` finds, all of it or nothing; within the session's serial. False: not now, ask again.

    An agent that idles does not know of those turns, so it ends first (AgentEnding: come back then). One with tasks in
    the background is left to them.
    """
    if journal.state.turn is not None:
        return False
    events = await read()
    if not events:
        return True
    if actor.is_live:
        if journal.agent.tasks:
            return False
        actor.retire()
        raise AgentEnding
    await append(events)
    return True
