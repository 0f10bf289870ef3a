"""Git's progress lines, in whatever pieces they come."""

import pytest

from node.git.progress import ProgressReader, parse


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Receiving objects:  45% (9/20), 1.20 MiB | 2.00 MiB/s", ("Receiving objects", 45)),
        ("remote: Counting objects: 100% (12/12), done.", ("Counting objects", 100)),
        ("remote: Enumerating objects: 12, done.", ("Enumerating objects", None)),
        ("Writing objects:   7% (1/13)", ("Writing objects", 7)),
        ("Updating files:  12% (3/25)", ("Updating files", 12)),
        ("Writing objects: 999% (1/1)", ("Writing objects", 100)),
        ("From /somewhere", None),
        ("error: 12 things", None),
        ("fatal: no", None),
        ("Note: you may", None),
        ("", None),
        ("remote: Resolving deltas 12", None),
    ],
)
def test_a_line_is_read(line: str, found: tuple[str, int | None] | None) -> None:
    assert parse(line) == found


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_the_pieces_do_not_matter_and_nothing_is_told_twice(size: int) -> None:
    raw = b"Receiving objects:   1% (1/9)\rReceiving objects:   1% (1/9)\rReceiving objects: 100% (9/9), done.\n"
    told: list[tuple[str, int | None]] = []
    reader = ProgressReader(lambda phase, percent: told.append((phase, percent)))
    for start in range(0, len(raw), size):
        reader.feed(raw[start : start + size])
    assert told == [("Receiving objects", 1), ("Receiving objects", 100)]


def test_a_line_without_an_end_is_not_kept_whole() -> None:
    reader = ProgressReader(lambda phase, percent: None)
    for _ in range(100):
        reader.feed(b"x" * 10_000)
    assert len(reader._rest) <= 4096
