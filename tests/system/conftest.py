"""Fixtures of the system tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.main_app import RunningMain, running_main


@pytest.fixture
async def main(tmp_path: Path) -> AsyncIterator[RunningMain]:
    """A Main without nodes and users."""
    async with running_main(tmp_path) as running:
        yield running
