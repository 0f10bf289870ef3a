"""Fixtures of terminals that outlive their node: a Main that only joins streams, and a database with its holder."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.terminal_holder import end_holder
from tests.support.terminal_link import SplicingMain


@pytest.fixture
async def main() -> AsyncIterator[SplicingMain]:
    async with SplicingMain.serving() as main:
        yield main


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Path]:
    """A node's database; the holder that belongs to it is ended with the test."""
    database = tmp_path / "node.db"
    yield database
    await asyncio.to_thread(end_holder, database)
