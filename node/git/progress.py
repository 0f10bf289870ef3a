"""Git's progress, as it writes it on its standard error: lines ended by CR while they count, by LF at their end."""

import re
from collections.abc import Callable

_LINE = re.compile(r"^(?:remote: )?(?P<phase>[A-Z][A-Za-z ,-]{2,60}): +(?:(?P<percent>\d{1,3})% )?")
_MAX_LINE_BYTES = 4096


class ProgressReader:
    """Calls `tell` with each new phase and percent; lines that are no progress are passed over."""

    def __init__(self, tell: Callable[[str, int | None], None]) -> None:
        self._tell = tell
        self._rest = b""
        self._last: tuple[str, int | None] | None = None

    def feed(self, chunk: bytes) -> None:
        """The next piece, which may end inside a line."""
        *lines, self._rest = (self._rest + chunk).replace(b"\r", b"\n").split(b"\n")
        self._rest = self._rest[-_MAX_LINE_BYTES:]
        for line in lines:
            found = parse(line.decode("utf-8", "replace"))
            if found is not None and found != self._last:
                self._last = found
                self._tell(*found)


def parse(line: str) -> tuple[str, int | None] | None:
    """Phase in Git's words and percent of one line such as `Receiving objects:  45% (9/20), 1.2 MiB`."""
    found = _LINE.match(line)
    if found is None or found["phase"] in {"From", "To"} or found["phase"].lower() in {"error", "fatal", "warning"}:
        return None
    counts = found["percent"] is not None or re.search(r": +\d+", line) is not None
    percent = None if found["percent"] is None else min(int(found["percent"]), 100)
    return (found["phase"], percent) if counts else None
