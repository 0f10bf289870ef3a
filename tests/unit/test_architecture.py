"""The law of the rooms (ARCHITECTURE.md), where import-linter does not look, and the sizes of the house rules."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("configs", "docs", "main", "node", "providers", "routes", "tests", "ws")
TOP_LEVEL = {"app", "config", "main_server"}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

FORBIDDEN = [
    ("main_server", ("node", "providers", "routes.node", "configs", "app")),
    ("app", ("main", "routes.main", "configs", "main_server")),
    ("config", ("main", "node", "providers", "routes", "aiohttp", "asyncio")),
    ("configs", ("main", "node", "providers", "routes")),
    ("ws", ("config", "configs")),
    ("providers", ("config", "configs", "ws.dial", "ws.rpc", "ws.schema", "ws.streams", "ws.tasks")),
    ("main", ("configs", "app", "main_server")),
    ("node", ("configs", "app", "main_server")),
    ("routes", ("configs", "providers", "app", "main_server")),
]
"""Who may not import what. import-linter holds the rest, but does not read modules that are no package."""


def _files(*rooms: str) -> Iterator[Path]:
    for room in rooms:
        single = ROOT / f"{room}.py"
        yield from [single] if single.exists() else sorted((ROOT / room).rglob("*.py"))


def _imports(path: Path) -> set[str]:
    """Every module that the file imports, anywhere in it; ``from a import b`` counts as a and as a.b."""
    found: set[str] = set()
    for statement in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(statement, ast.Import):
            found.update(alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            assert statement.level == 0, f"{path}: relative imports hide which room is meant"
            found.add(statement.module)
            found.update(f"{statement.module}.{alias.name}" for alias in statement.names)
    return found


def _is_in(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


@pytest.mark.parametrize(("room", "forbidden"), FORBIDDEN, ids=[room for room, _ in FORBIDDEN])
def test_no_room_imports_what_it_may_not_know(room: str, forbidden: tuple[str, ...]) -> None:
    files = list(_files(room))
    assert files or room in TOP_LEVEL, f"{room} has moved"
    broken = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files
        for module in sorted(_imports(path))
        if any(_is_in(module, each) for each in forbidden)
    ]
    assert broken == []


def test_import_linter_keeps_every_contract() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    ended = subprocess.run(
        [tool, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )
    assert ended.returncode == 0, ended.stdout


def test_only_three_modules_stand_at_the_top() -> None:
    assert {path.stem for path in ROOT.glob("*.py")} <= TOP_LEVEL


def test_every_package_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in _files(*ROOMS)
        if path.name == "__init__.py" and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_a_file_is_one_idea() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in _files(*ROOMS, *TOP_LEVEL)}
    assert {str(path.relative_to(ROOT)): lines for path, lines in lengths.items() if lines > MAX_FILE_LINES} == {}


def test_a_function_fits_a_screen() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {node.name} has {lines} lines"
        for path in _files(*ROOMS, *TOP_LEVEL)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert long == []
