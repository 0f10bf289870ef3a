"""Which agents the contract is held against, and what the protocol of one has no notion of."""

from collections.abc import Mapping

import pytest
from _pytest.mark import ParameterSet

AGENTS: Mapping[str, tuple[pytest.MarkDecorator, ...]] = {
    "scripted": (),
    "claude": (pytest.mark.cli,),
    "codex": (pytest.mark.cli,),
    "acp": (),
}
"""Fixtures of `conftest`, with the marks of their tests."""

LACKS: Mapping[str, frozenset[str]] = {
    "acp": frozenset({"retries"}),  # such an agent asks its model again without a word
}


def agents_with(*features: str) -> list[ParameterSet]:
    """The agents that have all of these: for `pytest.mark.parametrize("harness", …, indirect=True)`."""
    return [
        pytest.param(name, marks=marks)
        for name, marks in AGENTS.items()
        if not LACKS.get(name, frozenset()).intersection(features)
    ]
