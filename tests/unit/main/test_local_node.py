"""What Main says of its node's end."""

import signal
from pathlib import Path

import pytest

from main.local_node import last_words


@pytest.mark.parametrize(
    ("written", "code", "words"),
    [
        ("up\nThe port is taken.\n", 1, "The port is taken."),
        ("", 1, None),
        ("an answer of an hour ago\n", -signal.SIGKILL, None),
        ("stopped\n", 0, None),
    ],
)
def test_a_node_is_quoted_only_when_it_failed_by_itself(
    tmp_path: Path, written: str, code: int, words: str | None
) -> None:
    file = tmp_path / "node.log"
    file.write_text(written)
    assert last_words(file, code) == words
