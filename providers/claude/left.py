"""What a process leaves to the next one of its native session, since Claude has not kept it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from providers.base import Prompt
from providers.claude.kept import kept
from providers.claude.normalize import Normalizer
from ws.protocol.events import Usage


@dataclass(frozen=True)
class Left:
    """`lost` are prompts that are not in the transcript: the next prompt takes them along. `spent` are the totals told.

    `is_all`: nothing was said beside the lost prompts, so a transcript that was never begun is no loss.
    """

    lost: Sequence[Prompt] = ()
    spent: Usage | None = None
    is_all: bool = False


async def look(
    normalizer: Normalizer,
    before: Left,
    sent: Mapping[str, Sequence[Prompt]],
    environment: Mapping[str, str],
    *,
    is_first: bool,
) -> Left:
    """After the end of a process: a CLI that was killed in a turn has told of more than is in its transcript.

    `sent` are the prompts that may be unanswered, by uuid; `is_first`: no turn of the native session had ended before.
    """
    lost: Sequence[Prompt] = before.lost
    native_id, entries, unanswered = normalizer.native_id, normalizer.entries, normalizer.unanswered
    if normalizer.has_turn:
        names = {*entries, *unanswered}
        found = await asyncio.to_thread(kept, environment, native_id, names) if native_id else frozenset[str]()
        normalizer.keep_entries(found)
        lost = [*lost, *(prompt for uuid, prompts in sent.items() if uuid in unanswered - found for prompt in prompts)]
    return Left(lost, normalizer.spent or before.spent, is_first)
