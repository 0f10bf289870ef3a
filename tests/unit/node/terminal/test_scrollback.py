"""The scrollback alone: exact takeover, bounded memory."""

import os
import pty
from collections.abc import Iterator

import pytest

from node.terminal.scrollback import Descriptors, Scrollback

KEPT = 64 * 1024


@pytest.fixture
def terminal() -> Iterator[tuple[Descriptors, int]]:
    """A raw PTY: its shared descriptors, and the side that a program would have."""
    master, slave = pty.openpty()
    os.system(f"stty raw -echo < {os.ttyname(slave)}")
    shared = Descriptors.create(lambda: master)
    yield shared, slave
    shared.close()
    os.close(slave)


def write(slave: int, scrollback: Scrollback, data: bytes) -> None:
    """Write `data` in pieces that the PTY holds, taking each before the next."""
    for start in range(0, len(data), 1024):
        expected = scrollback.end + os.write(slave, data[start : start + 1024])
        while scrollback.end < expected:
            scrollback.take(KEPT)


def test_bytes_killed_between_pty_and_memory_are_found_in_the_pipe(terminal: tuple[Descriptors, int]) -> None:
    shared, slave = terminal
    first = Scrollback(shared, KEPT)
    os.write(slave, b"before ")
    assert first.take(KEPT).moved == 7
    os.write(slave, b"between ")
    os.splice(shared.pty, shared.pipe_in, 100)  # and here the writer is killed
    os.write(slave, b"after")
    second = Scrollback(shared, KEPT)
    assert second.end == 15
    while second.end < 20:
        second.take(KEPT)
    assert second.read(0, 20) == b"before between after"


def test_memory_is_bounded_and_the_kept_part_is_whole(terminal: tuple[Descriptors, int]) -> None:
    shared, slave = terminal
    scrollback = Scrollback(shared, KEPT)
    data = bytes(range(256)) * 8192
    write(slave, scrollback, data)
    assert scrollback.end == len(data)
    assert scrollback.start == len(data) - KEPT
    assert scrollback.read(scrollback.start, scrollback.end) == data[-KEPT:]
    assert os.fstat(shared.memory).st_blocks * 512 < KEPT + 300 * 1024
    adopted = Scrollback(shared, KEPT)
    assert adopted.read(adopted.start, adopted.end) == data[-KEPT:]


def test_a_budget_is_kept(terminal: tuple[Descriptors, int]) -> None:
    shared, slave = terminal
    scrollback = Scrollback(shared, KEPT)
    os.write(slave, b"x" * 2000)
    assert scrollback.take(1500) == (1500, False)
    assert scrollback.take(1500) == (500, False)
    assert scrollback.take(1500) == (0, False)


def test_the_end_is_noticed_after_the_last_byte(terminal: tuple[Descriptors, int]) -> None:
    shared, slave = terminal
    scrollback = Scrollback(shared, KEPT)
    os.write(slave, b"bye")
    spare = os.dup(shared.pty)
    os.close(slave)
    taken = [scrollback.take(KEPT) for _ in range(2)]
    assert sum(each.moved for each in taken) == 3
    assert taken[-1].is_over
    os.dup2(spare, slave)  # the fixture closes it
    os.close(spare)
