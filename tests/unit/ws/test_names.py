"""What may stand in a name that people read in lists."""

import sys
import unicodedata

import pytest

from ws.protocol.names import is_kept, is_name, is_seen

UNSEEN = [
    "",
    " ",
    "\u115f",
    "\u1160\u1160",
    "\u3164",
    "\uffa0 \u3164",
    "\u2800\u2800",
    "\u180e",
    "\U000e0001\U000e0061",
    "\u034f",
    "\u17b4\u17b5",
    "\U0001d159",
    "\U00016fe4",
    "\u2060\ufeff",
    "\u200b",
    "\u00ad",
    "\u2064",
    "\u200d \u200c",
    "\ufe0f",
    "\U000e0100",
    "\u180b",
    "\u0301",
    "\u00a0\u3000",
    "\ue000",
    "\ud800",
]
"""Fillers, blanks, tags, marks never drawn, joiners, selectors and accents alone, private and half characters."""

SEEN = [
    "a b",
    "x",
    "7",
    "-",
    "日本",
    "葛\U000e0100城",
    "عربي",
    "می\u200cخواهم",
    "한글",
    "नमस्ते",
    "e\u0301te\u0301",
    "👩\u200d💻",
    "❤\ufe0f",
    "ᠠ\u180b",
    "⠓⠊",
]


@pytest.mark.parametrize("name", UNSEEN)
def test_a_name_that_shows_nothing_is_none(name: str) -> None:
    assert not is_seen(name)
    assert not is_name(name)


@pytest.mark.parametrize("name", SEEN)
def test_a_name_in_any_script_is_one(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("hidden", ["\u3164", "\u115f", "\u2800", "\u180e", "\U000e0061", "\u202e", "\u200b", "\t"])
def test_what_hides_among_letters_is_not_kept(hidden: str) -> None:
    assert is_seen(f"a{hidden}b")
    assert not is_name(f"a{hidden}b")


def test_of_all_characters_none_is_kept_that_is_never_drawn() -> None:
    kept = [each for each in map(chr, range(sys.maxunicode + 1)) if is_kept(each)]
    assert len(kept) > 100_000
    unseen = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert {each for each in kept if unicodedata.category(each) in unseen} == {"\u200c", "\u200d"}
    fillers = {each for each in kept if "FILLER" in unicodedata.name(each, "")}
    assert not [each for each in fillers if unicodedata.category(each) in {"Lo", "Mn"}], "what is left draws a line"
