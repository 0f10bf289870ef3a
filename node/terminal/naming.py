"""Names of terminals, which people read in lists: nothing in them that cannot be seen or turns text around."""

from collections.abc import Container

from ws.protocol import names
from ws.protocol.errors import invalid

MAX_CHARS = 80
_PROGRAM_CHARS = 60


def checked(name: str) -> str:
    """A name that somebody gives. Raises WireError (invalid)."""
    if not names.is_name(name):
        raise invalid("name", "A terminal's name has letters that can be seen, no control or direction marks.")
    return name


def cleaned(name: str, instead: str) -> str:
    """What can be seen of a name that another version took; `instead` when that is nothing."""
    return names.cleaned(name, instead, MAX_CHARS)


def numbered(program: str, taken: Container[str]) -> str:
    """The program's name, with a number when it is taken."""
    base = cleaned(program, "terminal")[:_PROGRAM_CHARS]
    number = 1
    while (name := base if number == 1 else f"{base} {number}") in taken:
        number += 1
    return name
