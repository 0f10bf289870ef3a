"""One node after another at the same holder, in orders that otherwise only a busy machine brings about.

The holder is stopped while they come and go, so what it finds when it goes on is the same every time.
"""

import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket

import msgspec
import pytest

from node.terminal.holder import channel
from node.terminal.holder.messages import VERSIONS, Describe, FromHolder, Held, Hello, Message, Open, Refused, Welcome
from tests.support.terminal_holder import is_running
from tests.support.waiting import eventually

pytestmark = pytest.mark.may_block("the node's side is spoken here, packet by packet")

HELLO = Hello(versions=list(VERSIONS), keep="process")
QUIET = Open(
    request=1,
    terminal="t",
    argv=["/bin/sleep", "600"],
    folder="/",
    environment={},
    cols=80,
    rows=24,
    kept_bytes=4096,
    about="",
)
_decode = msgspec.json.Decoder(FromHolder).decode
WORDS = 20
"""More packets than the holder has turns between two nodes: it reads one of each connection in a turn."""


@dataclass
class Node:
    """Its end of the connection with the holder, and the descriptors that it was given."""

    connection: socket
    descriptors: list[int] = field(default_factory=list)

    def say(self, message: Message) -> None:
        channel.send(self.connection, message)

    def hear(self) -> FromHolder:
        packet, descriptors = channel.receive(self.connection)
        self.descriptors += descriptors
        message: FromHolder = _decode(packet)
        return message

    def close(self) -> None:
        self.connection.close()
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = []


@dataclass
class Holder:
    """The real one, reached at `address`."""

    address: Path
    pid: int = 0
    nodes: list[Node] = field(default_factory=list)

    def connect(self) -> Node:
        node = Node(channel.new_socket())
        self.nodes.append(node)
        node.connection.settimeout(10)
        node.connection.connect(str(self.address))
        return node

    @property
    def state(self) -> str:
        """The letter of proc(5)."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2][0]

    def count_descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    @asynccontextmanager
    async def stopped(self) -> AsyncIterator[None]:
        os.kill(self.pid, signal.SIGSTOP)
        try:
            await eventually(lambda: self.state == "T", what="the holder to stop")
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)


@pytest.fixture
async def holder() -> AsyncIterator[Holder]:
    """With one node, and one terminal, in which nothing prints."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a socket's address is short
        holder = Holder(Path(folder) / "own" / "holder")
        command = [sys.executable, "-m", "node.terminal.holder", str(holder.address), str(Path(folder) / "log")]
        subprocess.run(command, check=True, timeout=30)
        node = holder.connect()
        node.say(HELLO)
        welcome = node.hear()
        assert isinstance(welcome, Welcome)
        holder.pid = welcome.pid
        try:
            node.say(QUIET)
            assert isinstance(node.hear(), Held)
            yield holder
        finally:
            for each in holder.nodes:
                each.close()
            with suppress(ProcessLookupError):
                os.kill(holder.pid, signal.SIGKILL)
            await eventually(lambda: not is_running(holder.pid), what="the holder to end")


async def test_a_node_that_has_died_gives_way_and_its_last_words_count(holder: Holder) -> None:
    """The next one greets while the holder has still to read most of what the first has said."""
    before, after = holder.nodes[0], holder.connect()
    async with holder.stopped():
        for number in range(WORDS):
            before.say(Describe(terminal="t", about=str(number)))
        before.close()
        after.say(HELLO)
    assert isinstance(after.hear(), Welcome)
    held = after.hear()
    assert isinstance(held, Held)
    assert held.about == str(WORDS - 1)


async def test_a_node_that_lives_does_not_give_way_however_much_of_it_is_unread(holder: Holder) -> None:
    before, after = holder.nodes[0], holder.connect()
    async with holder.stopped():
        for number in range(WORDS):
            before.say(Describe(terminal="t", about=str(number)))
        after.say(HELLO)
    assert isinstance(after.hear(), Refused)


async def test_what_is_printed_as_a_node_attaches_is_that_nodes_to_read(holder: Holder) -> None:
    """Two writers would tear the scrollback: the holder finds the greeting and the output at once, in this order."""
    before = holder.nodes[0]
    pty = os.dup(before.descriptors[0])
    try:
        alone = holder.count_descriptors() - 1
        before.close()
        await eventually(lambda: holder.count_descriptors() == alone, what="the holder to hear of the node's end")
        after = holder.connect()
        await eventually(lambda: holder.count_descriptors() > alone, what="the holder to hear of the next node")
        await eventually(lambda: holder.state == "S", what="the holder to wait for the greeting")
        async with holder.stopped():
            after.say(HELLO)
            os.write(pty, b"echoed")
            echo = select.poll()
            echo.register(pty, select.POLLIN)
            await eventually(lambda: echo.poll(0), what="the echo")
        assert isinstance(after.hear(), Welcome)
        assert isinstance(after.hear(), Held)
        assert os.read(pty, 100) == b"echoed"
    finally:
        os.close(pty)


async def test_who_comes_second_reads_which_process_to_end(holder: Holder) -> None:
    """And is served when that one has gone."""
    second = holder.connect()
    second.say(HELLO)
    assert second.hear() == Refused(
        reason=f"Another node, process {os.getpid()}, has these terminals; end it (kill {os.getpid()}), then open a"
        " terminal here."
    )
    holder.nodes[0].close()
    third = holder.connect()
    third.say(HELLO)
    assert isinstance(third.hear(), Welcome)
