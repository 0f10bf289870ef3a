"""Documents name what exists: files, make targets, settings."""

import re
from pathlib import Path

import pytest

from config import MAIN_SETTINGS, NODE_SETTINGS

ROOT = Path(__file__).parents[2]
DOCUMENTS = ["README.md", "ARCHITECTURE.md", "THIRD_PARTY.md", "docs/PERFORMANCE.md", "docs/SECURITY.md"]
DOCUMENTS += sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/decisions/*.md"))
SECTIONS = {setting.key.split(".")[0] for setting in (*MAIN_SETTINGS, *NODE_SETTINGS)}


@pytest.fixture(params=DOCUMENTS)
def document(request: pytest.FixtureRequest) -> Path:
    return ROOT / str(request.param)


def test_links_lead_to_files(document: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_files_that_are_named_exist(document: Path) -> None:
    named = re.findall(r"`([a-z_-]+(?:/[A-Za-z0-9_.-]+)*/?)`", document.read_text(encoding="utf-8"))
    paths = [each for each in named if "/" in each and not each.startswith(("configs/main", "configs/node"))]
    rooms = [ROOT, *(ROOT / room for room in ("main", "node", "providers", "tests", "ws"))]
    places = {path: [room / f"{path}{suffix}" for room in rooms for suffix in ("", ".py")] for path in paths}
    assert [path for path in paths if not any(place.exists() for place in places[path])] == []


def test_make_targets_that_are_named_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    commands = re.findall(r"(?:`|^)make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(commands) - targets == set()


def test_settings_that_are_named_exist(document: Path) -> None:
    known = {setting.key for setting in (*MAIN_SETTINGS, *NODE_SETTINGS)}
    named = set(re.findall(rf"(?:`|--)((?:{'|'.join(SECTIONS)})\.[a-zA-Z_.]+)", document.read_text(encoding="utf-8")))
    files = {each for each in named if each.endswith((".py", ".toml"))}
    assert named - files - known == set()
