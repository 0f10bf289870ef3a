"""docs/PERFORMANCE.md has a place for the figures of every measurement, and what fills it leaves the rest alone."""

import re

from docs import performance
from tests.bench.small import names


def test_every_measurement_has_its_place() -> None:
    places = re.findall(r"<!-- figures: (\w+) -->", performance.DOCUMENT.read_text(encoding="utf-8"))
    assert sorted(places) == sorted(names())


def test_only_the_figures_that_are_given_change() -> None:
    document = "a\n<!-- figures: start -->\nold\n<!-- end of figures -->\nb\n"
    document += "<!-- figures: scale -->\nkept\n<!-- end of figures -->\nc\n"
    found = performance.printed("noise\n== start\n## Start\n1 s\n\n== page\n2\n")
    assert found == {"start": "## Start\n1 s", "page": "2"}
    filled = performance.filled(document, found)
    assert filled == document.replace("old", "```text\n## Start\n1 s\n```")
