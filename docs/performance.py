"""Puts what ``make bench > figures.txt`` printed into docs/PERFORMANCE.md: ``python -m docs.performance figures.txt``.

A measurement that is not in the file keeps its figures, so one alone can be renewed: a line ``== NAME`` goes before it.
"""

import re
import sys
from pathlib import Path

DOCUMENT = Path(__file__).with_name("PERFORMANCE.md")
MARKDOWN = frozenset({"scale", "terminal"})
"""Print Markdown; the others print columns."""
_figures = re.compile(r"(?<=<!-- figures: )(\w+) -->\n.*?(?=<!-- end of figures -->)", re.DOTALL).sub


def printed(output: str) -> dict[str, str]:
    """What each measurement printed, by its name."""
    _, *parts = re.split(r"^== (\w+)\n", output, flags=re.MULTILINE)
    return {name: text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}


def filled(document: str, found: dict[str, str]) -> str:
    """`document` with these figures between its marks."""

    def figures(match: re.Match[str]) -> str:
        name = match[1]
        if name not in found:
            return match[0]
        text = found[name] if name in MARKDOWN else f"```text\n{found[name]}\n```"
        return f"{name} -->\n{text}\n"

    return _figures(figures, document)


if __name__ == "__main__":
    figures = printed(Path(sys.argv[1]).read_text(encoding="utf-8"))
    DOCUMENT.write_text(filled(DOCUMENT.read_text(encoding="utf-8"), figures), encoding="utf-8")
