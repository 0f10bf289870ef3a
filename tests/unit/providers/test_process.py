"""Leftover agents are ended with all that they started, and strangers are left alone."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from providers.base import AgentProcess
from providers.process import end_family, family, identify, is_alive

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are told apart by /proc")

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def children() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for child in started:
        child.kill()
        child.wait()


def start(children: list[subprocess.Popen[bytes]], code: str) -> tuple[AgentProcess, str]:
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    children.append(child)
    assert child.stdout is not None
    line = child.stdout.readline().decode().strip()
    child.stdout.close()
    return identify(child.pid), line


async def test_a_process_ends_with_what_it_started_in_another_group(children: list[subprocess.Popen[bytes]]) -> None:
    parent, line = await asyncio.to_thread(start, children, PARENT)
    child = await asyncio.to_thread(identify, int(line))
    assert await asyncio.to_thread(family, parent) == [parent, child]
    assert await end_family(parent) == 2
    assert not await asyncio.to_thread(is_alive, parent)
    assert not await asyncio.to_thread(is_alive, child)


async def test_one_that_ignores_the_first_signal_is_killed(children: list[subprocess.Popen[bytes]]) -> None:
    stubborn, _ = await asyncio.to_thread(start, children, STUBBORN)
    assert await end_family(stubborn, grace_s=0.1) == 1
    assert await asyncio.to_thread(children[0].wait, 10) == -signal.SIGKILL


async def test_a_stranger_with_the_same_pid_is_left_alone(children: list[subprocess.Popen[bytes]]) -> None:
    process, _ = await asyncio.to_thread(start, children, STUBBORN)
    before = replace(process, start_time=process.start_time - 1)
    assert not await asyncio.to_thread(is_alive, before)
    assert await end_family(before) == 0
    assert await asyncio.to_thread(is_alive, process)


def test_a_process_that_is_gone_has_no_start_time(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert identify(gone.pid) == AgentProcess(gone.pid, 0)
    assert not is_alive(identify(gone.pid))
