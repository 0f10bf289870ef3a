"""The fold of a journal, held to the files that the page's reducer is held to as well."""

import json
from typing import get_args

import pytest

from node.sessions.fold import empty_state, fold
from tests.transcripts.fold.cases import CASES
from tests.transcripts.fold.regenerate import HERE, stamped, text_of
from ws.protocol.base import SessionId
from ws.protocol.events import JournalEvent

EMPTY = empty_state(SessionId("s1"), "laptop", "e1")


@pytest.mark.parametrize("name", CASES)
def test_the_committed_file_is_what_the_node_folds(name: str) -> None:
    committed = (HERE / f"{name}.json").read_text(encoding="utf-8")
    assert json.loads(text_of(CASES[name])) == json.loads(committed), "python -m tests.transcripts.fold.regenerate"


def test_no_file_is_left_of_a_case_that_is_gone() -> None:
    assert {path.stem for path in HERE.glob("*.json")} == set(CASES)


def test_every_event_type_is_in_some_case() -> None:
    used = {type(event) for events in CASES.values() for event in events}
    assert used == set(get_args(JournalEvent))


@pytest.mark.parametrize("name", CASES)
def test_folding_goes_on_from_any_state_on_the_way(name: str) -> None:
    events = stamped(CASES[name])
    whole = fold(EMPTY, events)
    for cut in range(len(events) + 1):
        assert fold(fold(EMPTY, events[:cut]), events[cut:]) == whole
