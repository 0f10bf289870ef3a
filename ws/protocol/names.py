"""Names that people give and read in lists: nothing in them that cannot be seen, or that turns text around.

Python's `isprintable` takes out controls, marks of direction, unassigned letters and every space but the common one. It
lets through letters that are drawn as nothing: here they are named, from Unicode's Default_Ignorable_Code_Point
(UAX #44) and the symbols that are blank by their nature.
"""

import unicodedata

_JOINING = frozenset(
    "\u200c\u200d"  # joiners: Persian words, composed emoji
    "\u180b\u180c\u180d\u180f"  # variants of Mongolian letters
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))  # of emoji and Han characters
)
"""Invisible, and part of words: kept beside letters that can be seen."""

_BLANK = frozenset(
    "\u115f\u1160\u3164\uffa0"  # fillers of Hangul
    "\u2800"  # the Braille cell without dots
    "\u034f\u17b4\u17b5"  # marks that are never drawn
    "\U0001d159"  # a note without a head
    "\U00016fe4"  # the filler of Khitan
)
"""Letters, symbols and marks by their category, and drawn as nothing."""


def is_kept(letter: str) -> bool:
    """Whether a letter may stand in a name."""
    return (letter.isprintable() and letter not in _BLANK) or letter in _JOINING


def is_seen(name: str) -> bool:
    """Whether anything of a name is drawn by itself; what only joins, or sits on another letter, is not."""
    return any(is_kept(each) and each not in _JOINING and unicodedata.category(each)[0] not in "MZ" for each in name)


def is_name(name: str) -> bool:
    """Whether all of a name may stand in it, and something of it is seen."""
    return is_seen(name) and all(map(is_kept, name))


def cleaned(name: str, instead: str, max_chars: int) -> str:
    """What can be seen of a name that nobody refused; `instead` when that is nothing."""
    kept = "".join(filter(is_kept, name))[:max_chars].strip()
    return kept if is_seen(kept) else instead
