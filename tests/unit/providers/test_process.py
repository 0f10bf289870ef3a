"""Leftover agents are ended with all that they started, and strangers are left alone."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from config import child_environment
from providers.base import AgentProcess
from providers.process import MARK, end_family, family, identify, is_alive, marked

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
    environment = marked(child_environment())
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment)
    children.append(child)
    assert child.stdout is not None
    line = child.stdout.readline().decode().strip()
    child.stdout.close()
    return identify(child.pid, mark=environment[MARK]), line


async def test_a_process_ends_with_what_it_started_in_another_group(children: list[subprocess.Popen[bytes]]) -> None:
    parent, line = await asyncio.to_thread(start, children, PARENT)
    child = await asyncio.to_thread(identify, int(line))
    members = await asyncio.to_thread(family, parent)
    assert [member.pid for member in members] == [parent.pid, child.pid]
    assert await end_family(parent) == 2
    assert not await asyncio.to_thread(is_alive, parent)
    assert not await asyncio.to_thread(is_alive, child)


async def test_what_a_killed_one_has_left_behind_is_found_by_its_mark(children: list[subprocess.Popen[bytes]]) -> None:
    parent, line = await asyncio.to_thread(start, children, PARENT)
    other, _ = await asyncio.to_thread(start, children, STUBBORN)
    left = await asyncio.to_thread(identify, int(line))
    children[0].kill()
    await asyncio.to_thread(children[0].wait)
    assert await asyncio.to_thread(is_alive, left)
    assert await end_family(replace(parent, mark="")) == 0, "only the mark tells of it"
    assert await end_family(parent) == 1
    assert not await asyncio.to_thread(is_alive, left)
    assert await asyncio.to_thread(is_alive, other), "another agent's mark is another one"


async def test_a_node_that_an_agent_has_started_does_not_end_itself(children: list[subprocess.Popen[bytes]]) -> None:
    node = (
        "import asyncio, os, time\n"
        "from providers.base import AgentProcess\n"
        "from providers.process import MARK, end_family\n"
        "print(asyncio.run(end_family(AgentProcess(os.getpid(), 1, '', os.environ[MARK]))), flush=True)\n"
        "time.sleep(600)\n"
    )
    itself, ended = await asyncio.to_thread(start, children, node)
    assert ended == "0"
    assert await asyncio.to_thread(is_alive, itself)


async def test_one_that_ignores_the_first_signal_is_killed(children: list[subprocess.Popen[bytes]]) -> None:
    stubborn, _ = await asyncio.to_thread(start, children, STUBBORN)
    assert await end_family(stubborn, grace_s=0.1) == 1
    assert await asyncio.to_thread(children[0].wait, 10) == -signal.SIGKILL


async def test_a_stranger_with_the_same_pid_is_left_alone(children: list[subprocess.Popen[bytes]]) -> None:
    process, _ = await asyncio.to_thread(start, children, STUBBORN)
    before = replace(process, start_time=process.start_time - 1, mark="")
    assert not await asyncio.to_thread(is_alive, before)
    assert await end_family(before) == 0
    assert await asyncio.to_thread(is_alive, process)


def test_a_process_that_is_gone_has_no_start_time(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert identify(gone.pid) == AgentProcess(gone.pid, 0)
    assert not is_alive(identify(gone.pid))
