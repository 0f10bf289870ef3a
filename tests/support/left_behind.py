"""What processes have and what they leave: descriptors, threads, children, programs that should have ended."""

from collections import Counter
from pathlib import Path

from tests.support.terminal_holder import is_running


def marked(marker: str) -> list[int]:
    """Processes of which a word of the command line is `marker`."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in place.read_bytes().split(b"\0"):
                found.append(int(place.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return [pid for pid in found if is_running(pid)]


def held_by(pid: int) -> Counter[str]:
    """Open descriptors by kind, threads and children of a process."""
    counts: Counter[str] = Counter()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            counts[str(link.readlink()).partition(":")[0].partition("/pts")[0]] += 1
        except FileNotFoundError:
            continue
    counts["threads"] = len(list(Path(f"/proc/{pid}/task").iterdir()))
    counts["children"] = len(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return counts
