"""Going back to before a prompt: what the agent is asked, and what is journalled of its answer."""

from collections.abc import Awaitable, Callable

from node.sessions.fitting import encode
from node.sessions.past import Past, anchor_of
from providers.base import Agent, GoingBack, WentBack
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.events import MAX_EVENT_BYTES, Rewound, RewoundFile
from ws.protocol.sessions import SessionRewindParams, SessionState

Visit = Callable[[Callable[[Agent], Awaitable[WentBack]]], Awaitable[WentBack]]

NOTHING_TO_ASK = WentBack(files=[], native_id=None)


async def go_back(
    state: SessionState, native_id: str | None, past: Past, params: SessionRewindParams, visit: Visit
) -> WentBack:
    """Ask the agent by `visit`. Raises `not_found`, `conflict`, and ProviderFailed as the agent does."""
    if state.turn is not None:
        raise WireError(ErrorCode.CONFLICT, "A turn is running: stop it before you go back.")
    index = past.before(params.message_id)
    if native_id is None:
        if state.forked_from is not None and state.forked_from.native_id is not None:
            raise WireError(
                ErrorCode.CONFLICT,
                "This fork has had no turn of its own yet: fork the session it came from at that prompt instead.",
            )
        return NOTHING_TO_ASK  # the agent never had this session
    before = anchor_of(past.turns[:index])
    to = GoingBack(
        message_id=params.message_id,
        turn=past.turns[index].anchor,
        before=None if before is None else before.anchor,
        code=params.code,
        is_dry_run=params.dry_run,
    )
    return await visit(lambda agent: agent.go_back(to))


def rewound(params: SessionRewindParams, went: WentBack, by: str) -> Rewound:
    """As the journal takes it: of very many files the first ones."""
    files: list[RewoundFile] = []
    room = MAX_EVENT_BYTES // 2
    for file in went.files:
        room -= len(encode(file))
        if room < 0:
            break
        files.append(file)
    return Rewound(message_id=params.message_id, files=files, by=by, native_id=went.native_id, resume_at=went.resume_at)
