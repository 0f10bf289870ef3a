"""/ws/terminal: offsets, credit, sizes, ends and refusals."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.support.installation import Installation
from tests.support.reader import TerminalReader, reading

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("api terminal socket")]

CREDIT_BYTES = 256 * 1024
SILENCE_S = 5.0
SCROLLBACK_BYTES = 1024 * 1024
LINE_BYTES = 8
"""Of `seq -w`: seven digits and the newline, which the terminal writes as two bytes."""


@pytest_asyncio.fixture(loop_scope="module")
async def cat(whole: Installation) -> AsyncIterator[str]:
    """A terminal that says back what is typed."""
    terminal = await opened(whole, "cat")
    yield terminal
    await whole.op("terminal.close", terminal=terminal)


async def opened(whole: Installation, *command: str) -> str:
    answer = await whole.op("terminal.open", path=str(whole.work), cols=80, rows=24, command=list(command))
    return str(answer["terminal"])


async def finished(whole: Installation, *command: str) -> tuple[str, bytes]:
    """A terminal whose program has ended, and all that it wrote."""
    terminal = await opened(whole, *command)
    async with reading(whole.client, whole.node, terminal) as reader:
        await reader.until_frame("exit")
        assert reader.begin == 0
        return terminal, reader.output


async def test_attached_comes_first(whole: Installation, cat: str) -> None:
    async with reading(whole.client, whole.node, cat) as reader:
        expected = {"type": "attached", "terminal": cat, "offset": 0, "cols": 80, "rows": 24, "running": True}
        assert {name: reader.attached[name] for name in expected} == expected


async def test_a_later_reader_is_told_how_far_the_output_has_been_shown(whole: Installation) -> None:
    """What a program asked its terminal before that byte was answered by the first reader."""
    terminal = await opened(whole, "sh", "-c", "read go; printf 12345; exec cat")
    async with reading(whole.client, whole.node, terminal) as first:
        assert first.attached["replayed_to"] == 0, "nobody has seen anything yet"
        await first.socket.send_bytes(b"\n")
        shown = first.begin + len(await first.until_text(b"12345"))
        async with reading(whole.client, whole.node, terminal) as second:
            assert second.attached["replayed_to"] == shown
    async with reading(whole.client, whole.node, terminal) as third:
        assert third.attached["replayed_to"] == shown
    await whole.op("terminal.close", terminal=terminal)


async def test_bytes_are_bytes_in_both_directions(whole: Installation) -> None:
    terminal = await opened(whole, "sh", "-c", "stty raw -echo; echo ready; exec cat")
    async with reading(whole.client, whole.node, terminal) as reader:
        await reader.until_text(b"ready")
        sent = bytes(range(256)) + "grüße 😀".encode()
        for cut in (sent[:130], sent[130:-2], sent[-2:]):
            await reader.socket.send_bytes(cut)
        output = await reader.until_text(sent[-2:])
        assert output.endswith(sent)
    await whole.op("terminal.close", terminal=terminal)


async def test_the_next_byte_is_the_one_that_was_asked_for(whole: Installation) -> None:
    terminal, output = await finished(whole, "seq", "-w", "1", "2000")
    for after in (0, 1, 17, len(output) - 1, len(output)):
        async with reading(whole.client, whole.node, terminal, after) as reader:
            assert (reader.attached["offset"], reader.attached["running"]) == (after, False)
            await reader.until_frame("exit")
            assert reader.output == output[after:]


async def test_beyond_the_output_is_invalid(whole: Installation) -> None:
    terminal, output = await finished(whole, "echo", "hello")
    for after in (len(output) + 1, 10**12):
        assert await refusal(whole, f"node={whole.node}&terminal={terminal}&after={after}") == ("invalid", 4400)


async def test_what_the_scrollback_has_lost_is_not_offered(whole: Installation) -> None:
    terminal = await opened(whole, "sh", "-c", "seq -w 1 9999999 | head -c 3000000; echo; echo the-end; cat")
    async with reading(whole.client, whole.node, terminal) as first:
        await first.until_text(b"the-end")
        total = first.end
    oldest = 0
    for after in (None, 0, 5):
        async with reading(whole.client, whole.node, terminal, after) as reader:
            oldest = reader.attached["offset"]
            assert total - SCROLLBACK_BYTES <= oldest <= total - SCROLLBACK_BYTES + 64 * 1024
            await reader.until_text(b"the-end\r\n")
            assert reader.output == first.output[oldest:]
    async with reading(whole.client, whole.node, terminal, oldest + 1) as reader:
        assert reader.attached["offset"] == oldest + 1, "within the scrollback: exactly"
    await whole.op("terminal.close", terminal=terminal)


async def test_a_reader_gets_no_more_than_the_credit_until_it_acknowledges(whole: Installation) -> None:
    """Tried anew when the machine itself stood still for so long that the reader was rightly set aside."""
    for attempt in range(3):
        if await _is_held_back(whole, whole.work / f"flooded-{attempt}"):
            return
    pytest.fail("the machine stood still for seconds three times in a row")


async def _is_held_back(whole: Installation, marker: Path) -> bool:
    begins = marker.with_suffix(".begins")
    flood = f"while [ ! -e {begins} ]; do sleep 0.02; done; head -c 1000000 /dev/zero | tr '\\0' x; touch {marker}; cat"
    terminal = await opened(whole, "sh", "-c", flood)
    async with reading(whole.client, whole.node, terminal, acknowledges=False) as reader:
        begun = time.monotonic()
        begins.touch()  # not before it is read: without a reader it would not wait
        await reader.until_bytes(CREDIT_BYTES)
        assert len(reader.output) == CREDIT_BYTES
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.take(), 0.5)
        is_marked = marker.exists()
        if time.monotonic() - begun > SILENCE_S - 1:
            return False
        assert not is_marked, "the program waits"
        await reader.acknowledge(100_000)
        await reader.until_bytes(CREDIT_BYTES + 100_000)
        assert len(reader.output) == CREDIT_BYTES + 100_000
        await reader.acknowledge()
        reader._acknowledges = True
        await reader.until_bytes(1_000_000)
        assert reader.output == b"x" * 1_000_000
        assert reader.frames == []
    await whole.op("terminal.close", terminal=terminal)
    return True


async def test_a_reader_that_is_silent_for_5_s_is_set_aside_and_told_what_it_missed(whole: Installation) -> None:
    marker = whole.work / "went-on"
    terminal = await opened(
        whole, "sh", "-c", f"seq -w 1 9999999 | head -c 2000000; touch {marker}; echo; echo the-end; cat"
    )
    async with reading(whole.client, whole.node, terminal, acknowledges=False) as silent:
        await silent.until_bytes(CREDIT_BYTES)
        async with reading(whole.client, whole.node, terminal) as other:
            await other.until_text(b"the-end")
        assert marker.exists(), "the program ran on"
        await silent.acknowledge()
        before = silent.end
        skipped = await silent.until_frame("skipped")
        assert skipped["from"] == before
        assert skipped["to"] > before
        seen, silent.output = silent.output, b""
        silent.begin = skipped["to"]
        silent._acknowledges = True
        await silent.until_text(b"the-end\r\n")
    async with reading(whole.client, whole.node, terminal, skipped["to"]) as again:
        assert again.begin == skipped["to"]
        assert await again.until_text(b"the-end\r\n") == silent.output
    assert len(seen) == CREDIT_BYTES
    await whole.op("terminal.close", terminal=terminal)


async def test_control_c_is_instant_in_a_flood(whole: Installation) -> None:
    terminal = await opened(whole, "sh", "-c", "trap 'echo stopped; exit 3' INT; while :; do seq 1 100000; done")
    async with reading(whole.client, whole.node, terminal) as reader:
        await reader.until_bytes(1_000_000)
        await reader.type("\x03")
        assert (await reader.until_frame("exit"))["code"] == 3
        assert b"stopped" in reader.output


async def test_a_size_is_told_to_the_other_readers_and_follows_who_typed_last(whole: Installation) -> None:
    terminal = await opened(whole, "sh", "-c", "trap 'stty size' WINCH; echo up; while :; do read line; done")
    async with (
        reading(whole.client, whole.node, terminal) as first,
        reading(whole.client, whole.node, terminal) as second,
    ):
        await first.until_text(b"up")
        await first.type("\r")
        await first.send(type="resize", cols=100, rows=40)
        resized = await second.until_frame("resized")
        assert resized == {"type": "resized", "cols": 100, "rows": 40}
        await second.send(type="resize", cols=60, rows=20)
        await second.type("\r")
        await first.until_text(b"20 60")
        assert (await first.until_frame("resized"))["cols"] == 60
        async with reading(whole.client, whole.node, terminal) as third:
            assert (third.attached["cols"], third.attached["rows"]) == (60, 20)
    await whole.op("terminal.close", terminal=terminal)


async def test_two_readers_see_the_same(whole: Installation, cat: str) -> None:
    async with reading(whole.client, whole.node, cat) as first, reading(whole.client, whole.node, cat) as second:
        await first.type("one\r")
        await second.type("two\r")
        await first.until_text(b"two", times=2)
        await second.until_text(b"two", times=2)
        assert first.output.startswith(second.output) or second.output.startswith(first.output)


@pytest.mark.parametrize(
    ("command", "code", "by"),
    [("exit 0", 0, None), ("exit 7", 7, None), ("kill -9 $$", None, "SIGKILL"), ("kill -15 $$", None, "SIGTERM")],
)
async def test_the_end_of_the_program_is_told(whole: Installation, command: str, code: int | None, by: str) -> None:
    terminal = await opened(whole, "sh", "-c", f"echo bye; {command}")
    async with reading(whole.client, whole.node, terminal) as reader:
        ended = await reader.until_frame("exit")
        assert ended["code"] == code
        assert (ended["signal"] in {by, signal.Signals[by], by.removeprefix("SIG")}) if by else ended["signal"] is None
        assert b"bye" in reader.output


BAD_FRAMES = [
    '{"type":"ack","offset":-1}',
    '{"type":"ack"}',
    '{"type":"ack","offset":99999999}',
    '{"type":"resize","cols":0,"rows":5}',
    '{"type":"resize","cols":5000,"rows":5}',
    '{"type":"dance"}',
    "nonsense",
    "[]",
]


@pytest.mark.parametrize("frame", BAD_FRAMES)
async def test_a_bad_frame_is_4400_for_its_own_socket(whole: Installation, cat: str, frame: str) -> None:
    async with reading(whole.client, whole.node, cat) as other, reading(whole.client, whole.node, cat) as reader:
        await reader.socket.send_str(frame)
        assert await reader.until_closed() == 4400
        fault = reader.frames[-1]
        assert (fault["type"], fault["code"]) == ("error", "invalid")
        assert fault["detail"]
        await other.type("alive\r")
        await other.until_text(b"alive")


async def test_input_beyond_a_frame_is_1009(whole: Installation, cat: str) -> None:
    async with reading(whole.client, whole.node, cat) as reader:
        await reader.socket.send_bytes(b"x" * (1024 * 1024 + 1))
        assert await reader.until_closed() == 1009
    async with reading(whole.client, whole.node, cat) as reader:
        await reader.type("alive\r")
        await reader.until_text(b"alive")


async def refusal(whole: Installation, query: str) -> tuple[str, int | None]:
    async with whole.client.http.ws_connect(f"{whole.url}/ws/terminal?{query}", headers=whole.client.headers) as socket:
        fault: dict[str, Any] = await socket.receive_json(timeout=10)
        assert fault["type"] == "error"
        assert fault["detail"]
        await socket.receive(timeout=10)
        return str(fault["code"]), socket.close_code


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("node=NODE&terminal=nope", ("not_found", 4404)),
        ("node=nobody&terminal=CAT", ("not_found", 4404)),
        ("node=NODE", ("invalid", 4400)),
        ("terminal=CAT", ("invalid", 4400)),
        ("node=NODE&terminal=CAT&after=-1", ("invalid", 4400)),
        ("node=NODE&terminal=CAT&after=x", ("invalid", 4400)),
        ("node=NODE&terminal=CAT&after=1e3", ("invalid", 4400)),
        ("node=NODE&terminal=CAT&token=x", ("invalid", 4400)),
        ("node=a%20b&terminal=CAT", ("invalid", 4400)),
    ],
)
async def test_a_socket_that_cannot_be_served_says_why(
    whole: Installation, cat: str, query: str, expected: tuple[str, int]
) -> None:
    assert await refusal(whole, query.replace("NODE", whole.node).replace("CAT", cat)) == expected


async def test_without_credentials_there_is_no_upgrade(whole: Installation, cat: str) -> None:
    path = f"{whole.url}/ws/terminal?node={whole.node}&terminal={cat}"
    for headers, status in (
        ({}, 401),
        ({"Authorization": "Bearer x"}, 401),
        ({**whole.client.headers, "Host": "evil.example"}, 403),
    ):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await whole.client.http.ws_connect(path, headers=headers)
        assert refused.value.status == status


async def test_what_a_reader_misses_it_asks_for(whole: Installation, cat: str) -> None:
    async with reading(whole.client, whole.node, cat) as reader:
        await reader.type("before\r")
        await reader.until_text(b"before", times=2)
        end = reader.end
    async with reading(whole.client, whole.node, cat) as typist:
        await typist.type("between\r")
        await typist.until_text(b"between", times=2)
        whole_output = typist.output
    async with reading(whole.client, whole.node, cat, end) as reader:
        await follow(reader, whole_output[end:])


async def follow(reader: TerminalReader, expected: bytes) -> None:
    await reader.until_bytes(len(expected))
    assert reader.output == expected
