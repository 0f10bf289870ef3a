"""When to dial again, and what the addresses of the other end look like."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ws.dial import Backoff, DialError, DialState, complete_url, keep_dialling


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _upper(low: float, high: float) -> float:
    return high


def test_waits_double_from_half_a_second_to_fifteen() -> None:
    backoff = Backoff(clock=Clock(), uniform=_upper)
    assert [backoff.next_delay_s(was_up=False) for _ in range(8)] == [0.5, 1, 2, 4, 8, 15, 15, 15]


def test_the_upper_half_of_a_wait_is_left_to_chance() -> None:
    asked: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        asked.append((low, high))
        return low

    backoff = Backoff(clock=Clock(), uniform=uniform)
    assert [backoff.next_delay_s(was_up=False) for _ in range(2)] == [0.25, 0.5]
    assert asked == [(0.25, 0.5), (0.5, 1.0)]


@pytest.mark.parametrize(("was_up", "lasted_s", "then_s"), [(True, 10, 0.5), (True, 9.9, 4), (False, 60, 4)])
def test_only_a_link_that_held_ten_seconds_begins_anew(was_up: bool, lasted_s: float, then_s: float) -> None:
    clock = Clock()
    backoff = Backoff(clock=clock, uniform=_upper)
    for _ in range(3):
        backoff.next_delay_s(was_up=False)
    backoff.began()
    clock.now += lasted_s
    assert backoff.next_delay_s(was_up=was_up) == then_s


@given(st.lists(st.booleans(), max_size=50))
def test_a_wait_is_never_longer_than_its_bound(ends: list[bool]) -> None:
    backoff = Backoff()
    for was_up in ends:
        backoff.began()
        assert 0.25 <= backoff.next_delay_s(was_up=was_up) <= 15


async def test_dialling_goes_on_after_every_kind_of_end_and_stops_when_refused_for_good() -> None:
    ends: list[Exception | None] = [
        DialError("no route"),
        None,
        ZeroDivisionError("odd"),
        DialError("bad secret", True),
    ]
    states: list[DialState] = []

    async def connect() -> None:
        end = ends.pop(0)
        if end is not None:
            raise end

    with capture_logs() as logs:
        async with asyncio.timeout(5):
            await keep_dialling(connect, backoff=Backoff(0.001, 0.002), on_state=states.append)
    phases = [state.phase for state in states]
    assert phases == ["connecting", "waiting"] * 3 + ["connecting", "refused"]
    details = [state.detail for state in states if state.phase != "connecting"]
    assert details[:2] == ["no route", "The link has ended."]
    assert details[3] == "bad secret"
    [entry] = [entry for entry in logs if entry["log_level"] == "error"]
    assert entry["defect"] in details[2]
    assert "odd" not in details[2]


@pytest.mark.parametrize(
    ("url", "completed"),
    [
        ("http://main:4457", "ws://main:4457/ws/node"),
        ("https://main.example/", "wss://main.example/ws/node"),
        ("https://main.example/base/", "wss://main.example/base/ws/node"),
        ("wss://main.example/base/ws/node", "wss://main.example/base/ws/node"),
        ("ws://[::1]:4457/ws/node/", "ws://[::1]:4457/ws/node"),
    ],
)
def test_addresses_are_completed(url: str, completed: str) -> None:
    assert complete_url(url, "/ws/node") == completed


@pytest.mark.parametrize(
    "url",
    ["", "main:4457", "ftp://main", "http://", "http://u:p@main", "http://main?token=x", "http://main:port", "/ws"],
)
def test_what_is_no_address_is_named_in_a_sentence(url: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        complete_url(url, "/ws/node")
