"""The record of a holder's programs."""

import os
import resource
from pathlib import Path

from node.terminal.holder import record


def test_a_record_that_finds_no_room_leaves_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "terminals.running"
    pid = os.getpid()
    record.write(path, {pid: record.started(pid)})
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before), hard))
    try:
        record.write(path, dict.fromkeys(range(100), 1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    record.write(path, {})
    assert len(path.read_bytes()) < len(before)
