"""The node's policy on permission modes: `policy.max_mode` caps what anybody, or an agent, may set."""

from collections.abc import Sequence

from ws.protocol.errors import ErrorCode, FieldError, WireError
from ws.protocol.providers import Mode


class ModePolicy:
    """`max_mode` is an agent's own name for the most permissive mode, None for no cap.

    Agents list their modes from careful to permissive. An agent that has no mode of this name gets none that acts
    without asking.
    """

    def __init__(self, max_mode: str | None) -> None:
        self._max_mode = max_mode

    @property
    def is_capped(self) -> bool:
        return self._max_mode is not None

    def first(self, modes: Sequence[Mode]) -> str | None:
        """The mode of a session for which none was chosen: the agent's default if allowed, else the most permissive."""
        allowed = [mode for mode in modes if self.is_allowed(modes, mode.id)]
        default = next((mode.id for mode in allowed if mode.is_default), None)
        return default or (allowed[-1].id if allowed else None)

    def is_allowed(self, modes: Sequence[Mode], mode: str) -> bool:
        """Whether a session may be in this mode. An unknown one is allowed only where there is no cap."""
        if self._max_mode is None:
            return True
        ids = [each.id for each in modes]
        if mode not in ids:
            return False
        if self._max_mode in ids:
            return ids.index(mode) <= ids.index(self._max_mode)
        return not modes[ids.index(mode)].risk

    def check(self, modes: Sequence[Mode], mode: str) -> None:
        """Raises `invalid` for a mode that the agent does not have, `forbidden` for one above the cap."""
        ids = [each.id for each in modes]
        if mode not in ids:
            raise WireError(
                ErrorCode.INVALID,
                f"This agent has no mode {mode[:64]!r}; its modes are {', '.join(ids)}.",
                errors=[FieldError(path="params.mode", message=f"one of {', '.join(ids)}")],
            )
        if not self.is_allowed(modes, mode):
            raise WireError(
                ErrorCode.FORBIDDEN,
                f"This machine allows no mode above {self._max_mode}: policy.max_mode in its configuration says so.",
            )
