"""Fixtures of the security tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.hostile_yard import Yard, hostile_yard
from tests.support.main_app import RunningMain, running_main


@pytest.fixture
async def main(tmp_path: Path) -> AsyncIterator[RunningMain]:
    """A Main without nodes and users."""
    async with running_main(tmp_path) as running:
        yield running


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    """A hostile repository to act in."""
    with hostile_yard(tmp_path) as made:
        yield made
