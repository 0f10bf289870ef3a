"""What a kill in the middle of a write leaves in the journal's log. The format: sqlite.org/fileformat2."""

import os
from pathlib import Path

_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24


def tear(database: Path) -> bool:
    """Put half a frame where the next one would be written; False when there is no write-ahead log."""
    log = Path(f"{database}-wal")
    if not log.exists():
        return False
    whole = log.read_bytes()
    if len(whole) < _HEADER_BYTES:
        return False
    page_bytes, salts = int.from_bytes(whole[8:12], "big"), whole[16:24]
    end = _HEADER_BYTES
    frame_bytes = _FRAME_HEADER_BYTES + page_bytes
    # Frames of an earlier round of the log have other salts.
    while whole[end + 8 : end + 16] == salts and end + frame_bytes <= len(whole):
        end += frame_bytes
    half = (2).to_bytes(4, "big") + bytes(4) + salts + os.urandom(8) + os.urandom(page_bytes // 2)
    with log.open("r+b") as file:
        file.seek(end)
        file.write(half)
    return True
