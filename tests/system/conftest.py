"""Fixtures of the system tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.installation import Installation, installed
from tests.support.main_app import RunningMain, running_main
from tests.support.repositories import TestRepository


@pytest.fixture
async def main(tmp_path: Path) -> AsyncIterator[RunningMain]:
    """A Main without nodes and users."""
    async with running_main(tmp_path) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    """Main, this machine's node and an owner, shared by a module whose tests run in the module's loop."""
    async with installed(tmp_path_factory.mktemp("home")) as installation:
        yield installation


@pytest.fixture(scope="module")
def repository(whole: Installation) -> str:
    """A repository with one commit below the roots of the shared node."""
    made = TestRepository.make(whole.home, "repository")
    made.commit(README_md="# Read\n", code_py="one\ntwo\n")
    return str(made.path)
