"""The node's policy on permission modes: `policy.max_mode` caps what anybody, or an agent, may set."""

from collections.abc import Sequence

from providers.levels import Level, level_of, level_of_name
from ws.protocol.errors import ErrorCode, FieldError, WireError
from ws.protocol.providers import Mode


class ModePolicy:
    """`max_mode` is a level (plan, ask, edit, auto, everything) or a mode of any agent; None for no cap.

    Agents list their modes from careful to permissive: of the agent that has a mode of this name those up to it are
    allowed, of every other one those of no higher level. An agent without modes cannot be held to any, so only
    `everything` allows it. See docs/decisions/0006.
    """

    def __init__(self, max_mode: str | None) -> None:
        self._max_mode = max_mode
        self._level = Level.EVERYTHING if max_mode is None else level_of_name(max_mode)

    @property
    def is_capped(self) -> bool:
        return self._level < Level.EVERYTHING

    def first(self, modes: Sequence[Mode]) -> str | None:
        """The mode of a session for which none was chosen: the agent's default if allowed, else the most permissive.

        Of an agent that names no default the most careful that does more than plan. None for an agent without modes.
        Raises `forbidden` when the policy allows none of this agent.
        """
        allowed = [mode for mode in modes if self.is_allowed(modes, mode.id)]
        if self.is_capped and not allowed:
            has = "has no mode that is allowed here" if modes else "has no modes, so nothing holds it to that"
            raise WireError(ErrorCode.FORBIDDEN, f"{self._sentence()}, and this agent {has}: choose another agent.")
        if not allowed:
            return None
        has_default = any(mode.is_default for mode in modes)
        fit = (mode.id for mode in allowed if (mode.is_default if has_default else level_of(mode) > Level.PLAN))
        return next(fit, allowed[-1].id)

    def is_allowed(self, modes: Sequence[Mode], mode: str) -> bool:
        """Whether a session may be in this mode. An unknown one is allowed only where there is no cap."""
        if not self.is_capped:
            return True
        ids = [each.id for each in modes]
        if mode not in ids:
            return False
        if self._max_mode in ids:
            return ids.index(mode) <= ids.index(self._max_mode)
        return level_of(modes[ids.index(mode)]) <= self._level

    def check(self, modes: Sequence[Mode], mode: str) -> None:
        """Raises `invalid` for a mode that the agent does not have, `forbidden` for one above the cap."""
        ids = [each.id for each in modes]
        if mode not in ids:
            raise WireError(
                ErrorCode.INVALID,
                f"This agent has no mode {mode[:64]!r}; its modes are {', '.join(ids) or 'none'}.",
                errors=[FieldError(path="params.mode", message=f"one of {', '.join(ids)}")],
            )
        if not self.is_allowed(modes, mode):
            raise WireError(ErrorCode.FORBIDDEN, f"{self._sentence()}: policy.max_mode in its configuration says so.")

    def _sentence(self) -> str:
        return f"This machine allows no mode above {self._max_mode}"
