"""The environment of a program as users have it: without the packages that only tests need."""

from pathlib import Path


def as_installed(folder: Path) -> dict[str, str]:
    """Variables for a program. `rich` comes with a linter and costs 3 MB a role: structlog loads it where it is."""
    hiding = folder / "hiding"
    hiding.mkdir(exist_ok=True)
    (hiding / "rich.py").write_text("raise ImportError\n")
    return {"PYTHONPATH": str(hiding)}
