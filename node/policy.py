"""The node has the last word: what a caller's role allows here, whatever Main forwards."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from node.context import Handler
from ws.protocol.base import Struct
from ws.protocol.envelope import Caller
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.link import StreamParams
from ws.protocol.ops import ROLE_SCOPES, Op, Scope
from ws.protocol.transfers import TransferParams

FEATURES = {
    "files": "files",
    "git": "git",
    "projects": "projects",
    "providers": "sessions",
    "session": "sessions",
    "terminal": "terminal",
}
"""Operations by their first word, and the feature (node.capabilities) that they belong to."""


class Policy:
    """`is_viewer_only` is policy.viewer_only: everybody is a viewer on this machine. `offered` is node.capabilities:
    features besides which this node has none; empty for all.
    """

    def __init__(self, *, is_viewer_only: bool, offered: Sequence[str] = ()) -> None:
        self._is_viewer_only = is_viewer_only
        self._offered = frozenset(offered) or frozenset(FEATURES.values())

    def offers(self, feature: str) -> bool:
        """Whether this node has the feature at all."""
        return feature in self._offered

    def check(self, op: Op, caller: Caller) -> None:
        """Raises `unsupported` or `forbidden` when this caller may not do this here."""
        feature = FEATURES.get(op.name.partition(".")[0])
        if feature is not None and not self.offers(feature):
            raise WireError(
                ErrorCode.UNSUPPORTED, f"This machine does not offer {feature}: node.capabilities leaves it out."
            )
        if self._is_viewer_only and op.scope is not Scope.READ:
            raise WireError(
                ErrorCode.FORBIDDEN,
                "This machine only shows: policy.viewer_only is set in its configuration.",
            )
        if op.scope not in ROLE_SCOPES[caller.role]:
            raise WireError(
                ErrorCode.FORBIDDEN, f"Your role ({caller.role}) does not allow this; ask the owner of this Switchyard."
            )

    def guard_as(self, op: Op, handler: Handler) -> Handler:
        """A handler of the link that is allowed to whom `op` is: it does the same by other means."""

        async def guarded(caller: Caller, params: TransferParams) -> Any:
            self.check(op, params.caller)
            return await handler(caller, params)

        return guarded

    def guard_stream(self, open_stream: Handler) -> Handler:
        """A handler of `link.stream` in which only those type who may have a terminal here."""

        async def guarded(caller: Caller, params: StreamParams) -> Any:
            may = Scope.TERMINAL in ROLE_SCOPES[params.caller.role] and not self._is_viewer_only
            allowed: Struct = replace(params, may_type=params.may_type and may)
            return await open_stream(caller, allowed)

        return guarded
