"""One page of a folder, however large it is: one pass over the names, `stat` for the page alone.

The whole folder is read for every page, because only then is the order right; memory holds one page and one batch.
Natural order compares names as text in which runs of digits are padded to one width. That key is made for a whole batch
by one substitution over the joined names (no name holds a slash): half the time of one call per name.
"""

import base64
import binascii
import os
import re
import stat
from collections.abc import Callable
from itertools import islice

from node.files.facts import displayed, modified, permissions, type_of
from node.places import raw_unless_utf8
from ws.protocol.errors import WireError, invalid
from ws.protocol.files import Entry

BATCH = 2048
"""Names looked at together: enough that the substitution pays, few enough that most of a page is soon settled."""
_WIDTH = 20
"""Digits of a padded run; holds a 64-bit number."""
_DIGITS = re.compile("[0-9]+")
_FOLDER, _REST = "a", "b"
"""First character of a sort key: folders come first."""

Place = tuple[str, str]
"""Where an entry stands: the natural key, then kind and name themselves, which tell equal keys apart."""


def page(
    descriptor: int, *, limit: int, cursor: str | None, is_shown: Callable[[str], bool] | None = None
) -> tuple[list[Entry], str | None]:
    """At most `limit` entries of the open folder after `cursor`, and the cursor of the next page.

    A cursor names the last entry given, not a count: whatever comes or goes meanwhile, no other entry is doubled or
    left out. `is_shown` chooses by name; None shows all.

    Raises WireError invalid for a cursor that is none of ours, and OSError.
    """
    after = _read_cursor(cursor) if cursor is not None else None
    first: list[Place] = []
    last = None  # the greatest key that still has a chance once a page is full
    with os.scandir(descriptor) as found:
        shown = found if is_shown is None else (entry for entry in found if is_shown(entry.name))
        while batch := [
            _FOLDER + entry.name if entry.is_dir(follow_symlinks=False) else _REST + entry.name
            for entry in islice(shown, BATCH)
        ]:
            places = zip(_keys(batch), batch, strict=True)
            likely = places if last is None else (place for place in places if place[0] <= last)
            first += likely if after is None else (place for place in likely if place > after)
            first.sort()
            del first[limit + 1 :]
            last = first[-1][0] if len(first) > limit else None
    chosen = first[:limit]
    entries = [entry for _, name in chosen if (entry := _entry(descriptor, name[1:])) is not None]
    return entries, _cursor(chosen[-1]) if len(first) > limit else None


def _keys(names: list[str]) -> list[str]:
    return _DIGITS.sub(lambda run: run[0].rjust(_WIDTH, "0"), "/".join(names).casefold()).split("/")


def _entry(descriptor: int, name: str) -> Entry | None:
    """None when it has gone since the folder was read."""
    try:
        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        is_link = stat.S_ISLNK(status.st_mode)
        target = displayed(os.readlink(name, dir_fd=descriptor)) if is_link else None
    except FileNotFoundError:
        return None
    return Entry(
        name=displayed(name),
        type=type_of(status.st_mode),
        size=status.st_size,
        modified=modified(status),
        mode=permissions(status.st_mode),
        target=target,
        name_bytes=raw_unless_utf8(name),
    )


def _cursor(place: Place) -> str:
    return base64.urlsafe_b64encode(os.fsencode(place[1])).decode("ascii")


def _read_cursor(cursor: str) -> Place:
    try:
        name = os.fsdecode(base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True))
    except (UnicodeEncodeError, binascii.Error) as error:
        raise _bad_cursor() from error
    if name[:1] not in {_FOLDER, _REST} or "/" in name:
        raise _bad_cursor()
    return _keys([name])[0], name


def _bad_cursor() -> WireError:
    return invalid("cursor", "`cursor` is none that this operation gave; list the folder from its beginning.")
