"""Conditional and partial requests (RFC 9110, sections 13 and 14): from headers to what is answered. No I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Literal

from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.transfers import MAX_CONDITIONS

_TAG = re.compile(r'\s*(?P<weak>W/)?(?:"(?P<quoted>[^"]*)"|(?P<bare>[A-Za-z0-9_-]+))\s*(?:,|\Z)')
"""A tag without its quotes is taken too: that is how files.stat shows it."""
_RANGE = re.compile(r"\s*bytes\s*=\s*(?P<first>\d{0,18})\s*-\s*(?P<last>\d{0,18})\s*\Z", re.IGNORECASE | re.ASCII)

LAST_TIME_S = 253402300799
"""The end of the year 9999, where HTTP's dates end."""


@dataclass(frozen=True)
class Facts:
    """Of the file as it is now. `etag` without quotes, `modified_s` since the epoch."""

    size: int
    etag: str
    modified_s: int

    @property
    def modified(self) -> datetime:
        """In whole seconds, as HTTP counts."""
        return datetime.fromtimestamp(max(0, min(self.modified_s, LAST_TIME_S)), UTC)


@dataclass(frozen=True)
class Outcome:
    """The status, and for 200 and 206 which bytes. 416 has none."""

    status: Literal[200, 206, 304, 416]
    offset: int = 0
    length: int = 0


def outcome(method: str, headers: Mapping[str, str], facts: Facts) -> Outcome:
    """What a GET or HEAD with these headers is answered. Raises WireError `precondition_failed`, `invalid`."""
    if not _holds(headers, facts):
        raise WireError(
            ErrorCode.PRECONDITION_FAILED, "The file is not the one that the conditions name any more; get it anew."
        )
    if _is_known(headers, facts):
        return Outcome(304)
    whole = Outcome(200, 0, facts.size)
    if method != "GET" or "Range" not in headers or not _may_continue(headers.get("If-Range"), facts):
        return whole
    found = _RANGE.match(headers["Range"])
    if found is None:
        return whole  # several ranges, another unit or none at all: whoever asks for parts takes the whole as well
    return _part(found["first"], found["last"], facts.size) or whole


def tags(header: str, *, is_strong: bool) -> list[str]:
    """The entity tags of If-Match or If-None-Match, `*` as such. Weak ones are left out where `is_strong`.

    Raises WireError `invalid` for what is no list of tags, or too long a one.
    """
    if header.strip() == "*":
        return ["*"]
    found: list[str] = []
    position = 0
    while position < len(header) or not position:
        match = _TAG.match(header, position)
        if match is None or len(found) >= MAX_CONDITIONS:
            raise WireError(
                ErrorCode.INVALID, f'A condition is `*` or up to {MAX_CONDITIONS} tags in double quotes, such as "abc".'
            )
        position = match.end()
        if not (match["weak"] and is_strong):
            found.append((match["quoted"] if match["quoted"] is not None else match["bare"])[:128])
    return found


def http_date(moment: datetime) -> str:
    """As HTTP writes it."""
    return format_datetime(moment, usegmt=True)


def _holds(headers: Mapping[str, str], facts: Facts) -> bool:
    if "If-Match" in headers:
        wanted = tags(headers["If-Match"], is_strong=True)
        return wanted == ["*"] or facts.etag in wanted
    since = _date(headers.get("If-Unmodified-Since"))
    return since is None or facts.modified <= since


def _is_known(headers: Mapping[str, str], facts: Facts) -> bool:
    if "If-None-Match" in headers:
        known = tags(headers["If-None-Match"], is_strong=False)
        return known == ["*"] or facts.etag in known
    since = _date(headers.get("If-Modified-Since"))
    return since is not None and facts.modified <= since


def _may_continue(if_range: str | None, facts: Facts) -> bool:
    if if_range is None:
        return True
    if (date := _date(if_range)) is not None:
        return date == facts.modified
    match = _TAG.fullmatch(if_range)
    return match is not None and not match["weak"] and facts.etag in (match["quoted"], match["bare"])


def _part(first: str, last: str, size: int) -> Outcome | None:
    """None for what is no range: neither end given, or the wrong way round."""
    if not first:
        if not last:
            return None
        length = min(int(last), size)
        return Outcome(206, size - length, length) if length else Outcome(416)
    start = int(first)
    if last and int(last) < start:
        return None
    end = min(int(last), size - 1) if last else size - 1
    return Outcome(206, start, end + 1 - start) if start < size else Outcome(416)


def _date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
