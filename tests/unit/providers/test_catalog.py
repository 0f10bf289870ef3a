"""Which agents a node offers."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from providers.catalog import CatalogSettings, build_catalog
from providers.claude.provider import ClaudeSettings
from providers.scripted.provider import ScriptedSettings
from ws.tasks import TaskOwner


@pytest.fixture
async def owner() -> AsyncIterator[TaskOwner]:
    owner = TaskOwner("test")
    yield owner
    await owner.close()


async def test_only_what_is_switched_on_is_offered(owner: TaskOwner) -> None:
    settings = CatalogSettings(claude=None, scripted=ScriptedSettings())
    catalog = build_catalog(settings, environment={}, start_task=owner.start)
    assert [info.id for info in await catalog.describe()] == ["scripted"]
    assert catalog.get("claude") is None
    assert catalog.get("scripted") is not None
    await catalog.close()


async def test_one_that_is_not_available_says_why_and_hinders_no_other(owner: TaskOwner, tmp_path: Path) -> None:
    settings = CatalogSettings(
        claude=ClaudeSettings(command=("/nonexistent/claude",)), scripted=ScriptedSettings(tmp_path / "missing.json")
    )
    catalog = build_catalog(settings, environment={"PATH": "/bin"}, start_task=owner.start)
    claude, scripted = await catalog.describe()
    assert not claude.available
    assert "install" in (claude.reason or "")
    assert not scripted.available
    assert "missing.json cannot be read" in (scripted.reason or "")


def test_the_catalog_costs_no_sdk() -> None:
    """The SDK takes 0.6 s and 40 MB, which a node without a session does not pay."""
    code = "import sys, providers.catalog; sys.exit('claude_agent_sdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[3]).returncode == 0
