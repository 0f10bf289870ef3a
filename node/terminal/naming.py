"""Names of terminals, which people read in lists: nothing in them that cannot be seen or turns text around."""

from collections.abc import Container

from ws.protocol.errors import invalid

MAX_CHARS = 80
_PROGRAM_CHARS = 60
_JOINERS = "\u200c\u200d"
"""Invisible, and part of words in Persian and of composed emoji."""


def checked(name: str) -> str:
    """A name that somebody gives. Raises WireError (invalid)."""
    if not _is_read(name) or not all(map(_is_kept, name)):
        raise invalid("name", "A terminal's name has letters that can be seen, no control or direction marks.")
    return name


def cleaned(name: str, instead: str) -> str:
    """What can be seen of a name that another version took; `instead` when that is nothing."""
    kept = "".join(filter(_is_kept, name))[:MAX_CHARS].strip()
    return kept if _is_read(kept) else instead


def numbered(program: str, taken: Container[str]) -> str:
    """The program's name, with a number when it is taken."""
    base = cleaned(program, "terminal")[:_PROGRAM_CHARS]
    number = 1
    while (name := base if number == 1 else f"{base} {number}") in taken:
        number += 1
    return name


def _is_read(name: str) -> bool:
    return any(map(str.isprintable, name.replace(" ", "")))


def _is_kept(letter: str) -> bool:
    return letter.isprintable() or letter in _JOINERS
