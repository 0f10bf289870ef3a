"""The image as far as it can be proven without an engine: its context, its steps in another place, its health check."""

import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
NOBODY = 65534


def _is_in_context(path: str) -> bool:
    """Read .dockerignore as the builder does: the last line that matches the path or a folder above it decides."""
    is_in = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and _matches(path, pattern):
            is_in = line.startswith("!")
    return is_in


def _matches(path: str, pattern: str) -> bool:
    parts = path.split("/")
    above = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    if pattern.startswith("**/"):
        return any(fnmatch(each, pattern.removeprefix("**/")) for each in parts)
    return any(each.count("/") == pattern.count("/") and fnmatch(each, pattern) for each in above)


def _steps() -> list[str]:
    """The shell of every RUN."""
    joined = DOCKERFILE.replace("\\\n", " ")
    return re.findall(r"^RUN (.*)$", joined, re.MULTILINE)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A copy of what the builder would see."""
    folder = tmp_path / "switchyard"
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for path in filter(_is_in_context, os.fsdecode(tracked.stdout).split("\0")[:-1]):
        if (ROOT / path).exists():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, folder / path)
    return folder


@pytest.mark.parametrize(
    "path",
    [
        ".git/config", "configs/main.toml", "configs/node.toml", "main.db", "main/main.db", ".venv/bin/python", ".env",
        "tests/conftest.py", "frontend-src/package.json", "node/__pycache__/app.pyc", "configs/main.toml.example",
    ],
)  # fmt: skip
def test_no_secret_and_nothing_needless_gets_into_the_image(path: str) -> None:
    assert not _is_in_context(path)


def test_all_that_the_programs_import_gets_into_the_image(context: Path) -> None:
    assert (context / "requirements.txt").exists()
    modules = [
        ".".join(path.relative_to(context).with_suffix("").parts).removesuffix(".__init__")
        for path in context.rglob("*.py")
        if path.name != "__main__.py"
    ]
    code = "import importlib, sys; [importlib.import_module(each) for each in sys.argv[1:]]"
    subprocess.run([sys.executable, "-c", code, *sorted(modules)], cwd=context, check=True, timeout=50)


def test_the_packages_step_builds_an_environment_by_hash(tmp_path: Path) -> None:
    (step,) = (each for each in _steps() if "pip install" in each)
    lock = re.search(r"^sniffio==.*?(?=^\S)", (ROOT / "requirements.txt").read_text(), re.MULTILINE | re.DOTALL)
    assert lock
    place = tmp_path / "switchyard"
    place.mkdir()
    (place / "requirements.txt").write_text(lock[0])
    here = step.replace("/switchyard", str(place)).replace("python -m venv", f"{sys.executable} -m venv", 1)
    subprocess.run(["sh", "-eu", "-c", here], check=True, timeout=50)
    subprocess.run([place / ".venv" / "bin" / "python", "-c", "import sniffio"], check=True, timeout=20)


@pytest.mark.skipif(os.geteuid() != 0, reason="changing accounts needs root: run the suite as root")
def test_the_account_of_the_image_reads_the_programs_and_writes_only_its_data(context: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "requirements.txt", context)
    # All folders that pytest has made, one more with several workers.
    made = [folder for folder in (tmp_path, *tmp_path.parents) if folder.stat().st_mode & 0o055 != 0o055]
    for folder in made:
        folder.chmod(folder.stat().st_mode | 0o055)
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    code = f"""
import os, pathlib, config
database = config.load_main([]).database.path
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
files = [path for path in pathlib.Path().rglob("*") if path.is_file()]
print(len(files) == len([path.read_bytes() for path in files]), any(os.access(path, os.W_OK) for path in [*files, "."]))
print(oct(config.make_data_folder(database).stat().st_mode))
"""
    environment = {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=context,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert ended.stdout == "True False\n0o40700\n"


class _Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def port() -> Iterator[int]:
    """A program that answers /health and nothing else."""
    with http.server.HTTPServer(("127.0.0.1", 0), _Health) as server:
        thread = threading.Thread(target=server.serve_forever, name="health")
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("main_server.py", "--server.port={port}"), 0),
        (("app.py", "--server.port={port}", "--server.host=127.0.0.1"), 0),
        (("app.py", "--server.port=0", "--node.main_server_url=http://main"), 0),
        (("main_server.py", "--server.port={port}", "--server.base_path=/elsewhere"), 1),
        (("main_server.py", "--server.port=1"), 1),
        (("other.py",), 1),
    ],
)
def test_the_health_check_asks_the_running_program(port: int, arguments: tuple[str, ...], code: int) -> None:
    given = [each.format(port=port) for each in arguments]
    with subprocess.Popen([sys.executable, "-c", "input()", *given], stdin=subprocess.PIPE) as program:
        ended = subprocess.run(
            [sys.executable, "-m", "configs.health", str(program.pid)], cwd=ROOT, timeout=30, check=False
        )
        program.communicate(b"\n", timeout=10)
    assert ended.returncode == code


def test_the_image_starts_a_program_that_is_in_it_under_its_own_account() -> None:
    assert re.search(r"^USER switchyard$", DOCKERFILE, re.MULTILINE)
    assert re.search(r'^CMD \["main_server.py"\]$', DOCKERFILE, re.MULTILINE)
    assert all(_is_in_context(each) for each in ("main_server.py", "app.py", "configs/health.py", "dist/manifest.json"))
