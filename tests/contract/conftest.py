"""Harnesses of the contract, one for each kind of agent."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.acp_harness import AcpHarness
from tests.contract.agents import agents_with
from tests.contract.codex_harness import CodexHarness
from tests.contract.harness import ClaudeHarness, Harness, ScriptedHarness
from tests.support.model_server import ModelServer
from ws.tasks import TaskOwner


@pytest.fixture
async def owner() -> AsyncIterator[TaskOwner]:
    owner = TaskOwner("test")
    yield owner
    await owner.close()


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def claude(tmp_path: Path, folder: Path, model: ModelServer, owner: TaskOwner) -> ClaudeHarness:
    home = tmp_path / "home"
    home.mkdir()
    return ClaudeHarness(folder, home, model, owner.start)


@pytest.fixture
def scripted(tmp_path: Path, folder: Path, owner: TaskOwner) -> ScriptedHarness:
    return ScriptedHarness(folder, tmp_path / "conversation.json", owner.start)


@pytest.fixture
def acp(tmp_path: Path, folder: Path, owner: TaskOwner) -> AcpHarness:
    return AcpHarness(folder, tmp_path / "acp", owner.start)


@pytest.fixture
async def codex(tmp_path: Path, folder: Path, model: ModelServer, owner: TaskOwner) -> AsyncIterator[CodexHarness]:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    harness = CodexHarness(folder, home, model, owner.start)
    yield harness
    await harness.provider.close()


@pytest.fixture(params=agents_with())
def harness(request: pytest.FixtureRequest) -> Harness:
    found: Harness = request.getfixturevalue(request.param)
    return found
