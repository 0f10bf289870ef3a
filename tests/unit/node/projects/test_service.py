"""projects.list and projects.pin."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from node.projects import service as module
from node.projects.handlers import handlers
from node.projects.scan import Bounds
from node.projects.service import ProjectsService, SessionFolder
from tests.support.waiting import eventually
from tests.unit.node.projects.test_scan import make
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.projects import Project, ProjectPinParams, ProjectsListParams
from ws.tasks import TaskOwner


class Pins:
    """A store of pins in memory."""

    def __init__(self) -> None:
        self.paths: dict[str, None] = {}

    async def list(self) -> list[str]:
        return sorted(self.paths)

    async def add(self, path: str) -> None:
        self.paths[path] = None

    async def remove(self, path: str) -> None:
        self.paths.pop(path, None)


@dataclass
class Projects:
    """The service with what it is given."""

    root: Path
    tasks: TaskOwner
    pins: Pins = field(default_factory=Pins)
    folders: list[SessionFolder] = field(default_factory=list)
    now_s: float = 0.0

    def __post_init__(self) -> None:
        async def folders() -> list[SessionFolder]:
            return self.folders

        async def resolve(path: str) -> Path:
            if not path.startswith(str(self.root)):
                raise WireError(ErrorCode.FORBIDDEN, "outside")
            return Path(path)

        self.service = ProjectsService(
            roots=[self.root],
            session_folders=folders,
            pinned=self.pins,
            resolve_directory=resolve,
            tasks=self.tasks,
            bounds=Bounds(seconds=1000),
            clock=lambda: self.now_s,
        )

    async def list(self) -> dict[str, Project]:
        listed = (await self.service.list(ProjectsListParams(node="n"))).projects
        return {project.name: project for project in listed}

    async def has(self, name: str) -> bool:
        return name in await self.list()

    async def appears(self, name: str) -> None:
        await eventually(lambda: self.has(name), what=f"the project {name}")

    async def pin(self, path: Path, *, is_pinned: bool) -> None:
        await self.service.pin(ProjectPinParams(node="n", path=str(path), pinned=is_pinned))


@pytest.fixture
async def projects(tmp_path: Path) -> AsyncIterator[Projects]:
    tasks = TaskOwner("projects")
    yield Projects(tmp_path, tasks)
    await tasks.close()


async def test_all_three_kinds_are_one_list_most_recently_used_first(projects: Projects) -> None:
    make(projects.root, "repository", "b-repository")
    projects.folders = [
        SessionFolder(path=str(projects.root / "old"), sessions=1, last_used="2026-01-01T00:00:00.000Z"),
        SessionFolder(path=str(projects.root / "repository"), sessions=2, last_used="2026-02-01T00:00:00.000Z"),
    ]
    await projects.pin(projects.root / "pinned", is_pinned=True)
    listed = await projects.list()
    assert list(listed) == ["repository", "old", "b-repository", "pinned"]
    assert listed["repository"].sessions == 2
    assert listed["repository"].git_branch == "main"
    assert (listed["old"].git_branch, listed["old"].pinned) == (None, False)
    assert (listed["pinned"].pinned, listed["pinned"].last_used) == (True, None)


async def test_pinning_twice_and_unpinning_what_is_gone_is_fine(projects: Projects) -> None:
    for _ in range(2):
        await projects.pin(projects.root, is_pinned=True)
    assert len(await projects.list()) == 1
    for _ in range(2):
        await projects.pin(projects.root, is_pinned=False)
    await projects.pin(Path("/gone; id #"), is_pinned=False)
    assert await projects.list() == {}


async def test_a_folder_outside_the_roots_is_not_pinned(projects: Projects) -> None:
    with pytest.raises(WireError) as refused:
        await projects.pin(Path("/etc"), is_pinned=True)
    assert refused.value.code is ErrorCode.FORBIDDEN
    assert projects.pins.paths == {}


async def test_a_new_repository_appears_once_the_last_scan_is_old(projects: Projects) -> None:
    assert await projects.list() == {}
    make(projects.root, "new")
    assert await projects.list() == {}
    projects.now_s = module.FRESH_S + 1
    await projects.list()  # answered at once; the scan goes on behind it

    await projects.appears("new")


async def test_a_slow_scan_does_not_hold_the_list_up_and_is_not_started_twice(
    projects: Projects, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on = threading.Event()
    scans = 0

    def slow(*args: object, is_allowed: Callable[[Path], bool], clock: Callable[[], float]) -> list[Path]:
        nonlocal scans
        scans += 1
        may_go_on.wait(30)
        return [projects.root / "found"]

    monkeypatch.setattr(module, "repositories", slow)
    monkeypatch.setattr(module, "FIRST_WAIT_S", 0.01)
    try:
        async with asyncio.timeout(10):
            assert await projects.list() == {}
            assert await projects.list() == {}
    finally:
        may_go_on.set()

    await projects.appears("found")
    assert scans == 1


def test_every_operation_has_a_handler(projects: Projects) -> None:
    assert set(handlers(projects.service)) == {"projects.list", "projects.pin"}
