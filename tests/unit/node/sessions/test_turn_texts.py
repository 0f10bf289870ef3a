"""Titles from prompts."""

import pytest

from node.sessions.turns import TITLE_CHARS, title_from


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ("Fix the tests", "Fix the tests"),
        ("\n\n  Fix\tthe   tests  \nand more", "Fix the tests"),
        ("", ""),
        (" \n ", ""),
        ("word " * 30, "word word word word word word word word word word word…"),
        ("x" * 100, "x" * (TITLE_CHARS - 1) + "…"),
    ],
)
def test_a_title_is_the_first_words_of_a_prompt(prompt: str, title: str) -> None:
    assert title_from(prompt) == title
    assert len(title) <= TITLE_CHARS
