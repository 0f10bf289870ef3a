"""Whether a process lives, also while it is ending."""

import os
import subprocess
from pathlib import Path

import pytest

from main.process import is_alive, start_time


def test_a_living_process_is_recognised_by_its_start() -> None:
    started = start_time(os.getpid())
    assert started is not None
    assert is_alive(os.getpid(), started)
    assert not is_alive(os.getpid(), started + "0")


def test_one_that_has_ended_is_not_alive() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        started = start_time(process.pid)
        assert started is not None
        process.kill()
        process.wait()
    assert start_time(process.pid) is None


def test_one_that_ends_while_it_is_looked_at_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(*_: object) -> str:
        raise ProcessLookupError

    monkeypatch.setattr(Path, "read_text", ended)
    assert start_time(os.getpid()) is None
