"""policy.max_mode: the node has the last word on how freely an agent acts."""

import pytest

from node.sessions.modes import ModePolicy
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.providers import Mode


def _mode(mode: str, *, risk: bool = False, is_default: bool = False) -> Mode:
    return Mode(id=mode, name=mode, description="", risk=risk, is_default=is_default)


MODES = [_mode("plan"), _mode("ask", is_default=True), _mode("edit"), _mode("free", risk=True)]


@pytest.mark.parametrize(
    ("max_mode", "allowed", "first"),
    [
        (None, ["plan", "ask", "edit", "free"], "ask"),
        ("free", ["plan", "ask", "edit", "free"], "ask"),
        ("edit", ["plan", "ask", "edit"], "ask"),
        ("plan", ["plan"], "plan"),
        ("a mode of another agent", ["plan", "ask", "edit"], "ask"),
    ],
)
def test_modes_up_to_the_cap_are_allowed(max_mode: str | None, allowed: list[str], first: str) -> None:
    policy = ModePolicy(max_mode)
    assert [mode.id for mode in MODES if policy.is_allowed(MODES, mode.id)] == allowed
    assert policy.first(MODES) == first


def test_a_mode_that_nobody_knows_is_allowed_only_without_a_cap() -> None:
    assert ModePolicy(None).is_allowed(MODES, "new")
    assert not ModePolicy("free").is_allowed(MODES, "new")


def test_refusals_name_what_is_allowed() -> None:
    with pytest.raises(WireError, match=r"plan, ask, edit, free") as invalid:
        ModePolicy(None).check(MODES, "nonsense")
    assert invalid.value.code is ErrorCode.INVALID
    with pytest.raises(WireError, match=r"policy\.max_mode") as forbidden:
        ModePolicy("ask").check(MODES, "free")
    assert forbidden.value.code is ErrorCode.FORBIDDEN
