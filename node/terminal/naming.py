"""Names of terminals, which people read in lists: nothing in them that cannot be seen or turns text around."""

from collections.abc import Container

from ws.protocol.errors import invalid
from ws.protocol.names import is_kept, is_name, is_seen

MAX_CHARS = 80
_PROGRAM_CHARS = 60


def checked(name: str) -> str:
    """A name that somebody gives. Raises WireError (invalid)."""
    if not is_name(name):
        raise invalid("name", "A terminal's name has letters that can be seen, no control or direction marks.")
    return name


def cleaned(name: str, instead: str) -> str:
    """What can be seen of a name that another version took; `instead` when that is nothing."""
    kept = "".join(filter(is_kept, name))[:MAX_CHARS].strip()
    return kept if is_seen(kept) else instead


def numbered(program: str, taken: Container[str]) -> str:
    """The program's name, with a number when it is taken."""
    base = cleaned(program, "terminal")[:_PROGRAM_CHARS]
    number = 1
    while (name := base if number == 1 else f"{base} {number}") in taken:
        number += 1
    return name
