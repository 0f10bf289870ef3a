"""How a stream is carried: the probe, and bytes in frames."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
import uvloop

from tests.support.certificates import tls_contexts
from tests.support.peers import until, within
from ws.streams import ProbeFailedError, RawProtocol, RawSocket, carried_at_main, carried_at_node, splice
from ws.streams import carriage as module
from ws.streams.framed import framed
from ws.streams.parsing import FRAMES_PER_TURN, Opcode, write_head

Tls = tuple[ssl.SSLContext, ssl.SSLContext]
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class _Connected(asyncio.Protocol):
    def __init__(self) -> None:
        self.transport: asyncio.Future[asyncio.Transport] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport.set_result(cast(asyncio.Transport, transport))


class Sink(RawProtocol):
    """Keeps what comes."""

    def __init__(self, raw: RawSocket) -> None:
        super().__init__(raw)
        self.received = bytearray()
        self.is_writing_paused = False
        raw.hand_to(self)

    def data_received(self, data: bytes) -> None:
        self.received += data

    def pause_writing(self) -> None:
        self.is_writing_paused = True

    def resume_writing(self) -> None:
        self.is_writing_paused = False


@asynccontextmanager
async def pair(tls: Tls | None = None) -> AsyncIterator[tuple[RawSocket, RawSocket]]:
    """Both ends of one connection behind their handshakes: who dialled, who was dialled."""
    loop, accepted = asyncio.get_running_loop(), _Connected()
    server = await loop.create_server(lambda: accepted, "127.0.0.1", 0, ssl=tls[0] if tls else None)
    port = server.sockets[0].getsockname()[1]
    _, dialled = await loop.create_connection(
        _Connected,
        "127.0.0.1",
        port,
        ssl=tls[1] if tls else None,
        server_hostname="127.0.0.1" if tls else None,
    )
    transports = [await within(each.transport) for each in (dialled, accepted)]
    ends = RawSocket(transports[0], is_client=True), RawSocket(transports[1])
    try:
        yield ends
    finally:
        for raw in ends:
            raw.abort()
        server.close()
        for raw in ends:
            await within(raw.wait_ended())


async def _both(main: RawSocket, node: RawSocket) -> tuple[RawSocket, RawSocket]:
    async with asyncio.TaskGroup() as group:
        ours = group.create_task(carried_at_main(main, "probed"))
        theirs = group.create_task(carried_at_node(node, "probed"))
    return ours.result(), theirs.result()


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("is_secure", [False, True])
def test_a_probe_leaves_the_bytes_behind_it(loop: str, is_secure: bool, tmp_path: Path) -> None:
    tls = tls_contexts(tmp_path) if is_secure else None

    async def scenario() -> None:
        async with pair(tls) as (dialled, accepted):
            main, node = await within(_both(accepted, dialled))
            node.transport.write(b"from the node")
            ours = Sink(main)
            theirs = Sink(node)
            main.transport.write(b"from main")
            await until(lambda: ours.received == b"from the node", "Main hears the node")
            await until(lambda: theirs.received == b"from main", "the node hears Main")

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(scenario())


async def test_bytes_in_one_segment_with_the_probe_are_kept() -> None:
    async with pair() as (dialled, accepted):
        dialled.transport.write(module.FROM_NODE + b"attached")
        sink = Sink(await within(carried_at_main(accepted, "probed")))
        await until(lambda: sink.received == b"attached", "what came behind")


@pytest.mark.parametrize("answer", [b"\x88\x02\x03\xea", b"\xff\x00switchyard: ??", None])
async def test_what_does_not_carry_bytes_fails_the_probe(answer: bytes | None) -> None:
    async with pair() as (dialled, accepted):
        if answer is None:
            dialled.abort()
        else:
            dialled.transport.write(answer)
            dialled.transport.close()
        with pytest.raises(ProbeFailedError):
            await within(carried_at_main(accepted, "probed"))
        await within(accepted.wait_ended())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_connection_that_has_ended_meanwhile_is_no_defect(loop: str) -> None:
    """A node that was killed between its dial and Main's first byte; uvloop's transports raise then."""

    async def scenario() -> None:
        for carried in (carried_at_main, carried_at_node):
            async with pair() as (_, accepted):
                await _end(accepted)
                with pytest.raises(ProbeFailedError, match="it was cut"):
                    await within(carried(accepted, "probed"))
            async with pair() as (_, accepted):
                await _end(accepted)
                assert (await carried(accepted, "framed")).is_ended
        async with pair() as (page, node), pair() as (_, lost):
            page.initial = b"typed at once"
            await _end(lost)
            end = await within(splice(page, lost, name="lost"))
            assert (end.left_to_right_bytes, end.right_to_left_bytes) == (0, 0)
            await within(page.wait_ended())
            node.abort()

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(scenario())


async def _end(raw: RawSocket) -> None:
    raw.abort()
    await within(raw.wait_ended())


async def test_silence_fails_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROBE_S", 0.05)
    for carried in (carried_at_main, carried_at_node):
        async with pair() as (_, accepted):
            with pytest.raises(ProbeFailedError):
                await within(carried(accepted, "probed"))


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("is_secure", [False, True])
def test_bytes_of_any_length_come_through_in_frames(loop: str, is_secure: bool, tmp_path: Path) -> None:
    tls = tls_contexts(tmp_path) if is_secure else None
    pieces = [b"a", bytes(range(256)) * 500, b"", b"z" * 1_000_000]

    async def scenario() -> None:
        async with pair(tls) as ends:
            left, right = (await carried_at_main(ends[0], "framed"), await carried_at_node(ends[1], "framed"))
            sinks = Sink(left), Sink(right)
            for raw in (left, right):
                raw.transport.write(pieces[0])
                raw.transport.writelines([pieces[1], memoryview(pieces[2])])
                raw.transport.write(pieces[3])
            for sink in sinks:
                await until(lambda sink=sink: bytes(sink.received) == b"".join(pieces), "all bytes")  # type: ignore[misc]
            left.transport.close()
            await within(right.wait_ended())
            await within(left.wait_ended())

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(scenario())


async def test_frames_wait_for_who_does_not_read() -> None:
    async with pair() as ends:
        left, right = framed(ends[0]), framed(ends[1])
        sinks = Sink(left), Sink(right)
        right.transport.pause_reading()
        written = 0
        while not sinks[0].is_writing_paused:
            left.transport.write(b"x" * 65536)
            written += 65536
            await asyncio.sleep(0)
        assert written < 64_000_000
        right.transport.resume_reading()
        await until(lambda: len(sinks[1].received) == written, "the rest")
        assert not sinks[0].is_writing_paused


async def test_a_ping_of_a_proxy_is_answered_and_noise_ends_the_stream() -> None:
    async with pair() as (dialled, accepted):
        plain, sink = Sink(dialled), Sink(framed(accepted))
        dialled.transport.write(b"\x89\x81\0\0\0\0p" + b"\x82\x82\0\0\0\0ok")
        await until(lambda: plain.received == write_head(Opcode.PONG, 1) + b"p", "the pong")
        assert sink.received == b"ok"
        dialled.transport.write(b"\x82\x01x")
        await within(sink.raw.wait_ended())


async def test_ten_thousand_frames_in_one_read_leave_the_others_their_turns() -> None:
    """As a hostile node would send them to Main."""
    async with pair() as (dialled, accepted):
        plain, sink = Sink(dialled), Sink(framed(accepted))
        read = accepted.transport.get_protocol()
        assert isinstance(read, asyncio.Protocol)
        read.data_received(b"\x82\x81\0\0\0\0x" * 10_000)
        assert not accepted.transport.is_reading(), "what would come behind it waits outside"
        turns = 0
        while len(sink.received) < 10_000:
            await asyncio.sleep(0)
            turns += 1
        assert turns >= 10_000 // FRAMES_PER_TURN - 1
        await until(accepted.transport.is_reading, "it is read again")
        dialled.transport.write(b"\x82\x81\0\0\0\0y")
        await until(lambda: sink.received.endswith(b"y"), "what came behind it")
        assert not plain.received


async def test_nothing_is_read_before_somebody_takes_it() -> None:
    async with pair() as (dialled, accepted):
        outer = framed(accepted)
        assert not accepted.transport.is_reading()
        dialled.transport.write(b"\x82\x82\0\0\0\0ok")
        sink = Sink(outer)
        await until(lambda: sink.received == b"ok", "the bytes")
