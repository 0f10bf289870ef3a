"""Who leaves room for whom."""

import pytest

from node.terminal.pace import TYPING_LASTS_S, Pace


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_nobody_types(clock: Clock) -> None:
    assert not Pace(clock).is_considerate("a")


def test_a_terminal_leaves_room_for_another_not_for_itself(clock: Clock) -> None:
    pace = Pace(clock)
    pace.typed("a")
    assert pace.is_considerate("b")
    assert not pace.is_considerate("a")


def test_typing_lasts_a_moment(clock: Clock) -> None:
    pace = Pace(clock)
    pace.typed("a")
    clock.now_s += TYPING_LASTS_S + 0.001
    assert not pace.is_considerate("b")


def test_typing_in_the_flooding_terminal_does_not_hide_the_other(clock: Clock) -> None:
    pace = Pace(clock)
    pace.typed("a")
    for _ in range(3):
        pace.typed("b")
    assert pace.is_considerate("b")
    assert pace.is_considerate("a")
