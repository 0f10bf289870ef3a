"""Our reading of frames against that of `websockets`, over byte streams good and bad, cut anywhere."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame
from websockets.frames import Opcode as TheirOpcode
from websockets.protocol import Protocol, Side, State

from ws.streams.parsing import (
    MAX_CONTROL_BYTES,
    Close,
    FrameError,
    FrameParser,
    Opcode,
    Passed,
    Ping,
    unmask,
    write_head,
)

MAX_BYTES = 1000
ANY_OPCODE = st.sampled_from([0, 0, 1, 1, 2, 2, 8, 9, 10, 3, 11])
PAYLOADS = st.one_of(
    st.binary(max_size=8),
    st.text(max_size=8).map(str.encode),
    st.sampled_from([1000, 1006, 1012, 2999, 3000, 4401, 5000]).map(lambda code: code.to_bytes(2, "big") + b"why"),
    st.sampled_from([124, 125, 126, 127, 499, 500, 501]).map(lambda length: b"x" * length),
)


@dataclass
class Heard:
    """What one end made of a stream: messages and pings in order, then how it closed."""

    events: list[bytes | str | Ping] = field(default_factory=list)
    code: int | None = None
    is_cut_short: bool = False
    """By the stock library, which counts a control frame to the message that it comes in."""


def _written(first: int, is_masked: bool, key: bytes, payload: bytes) -> bytes:
    head = bytearray(write_head(0, len(payload)))
    head[0] = first
    head[1] |= 0x80 if is_masked else 0
    return bytes(head) + (key + unmask(payload, key) if is_masked else payload)


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """Mostly as a client may write it, sometimes wrong in one place."""
    opcode, payload = draw(ANY_OPCODE), draw(PAYLOADS)
    first = opcode | (0 if draw(st.integers(0, 3)) == 0 else 0x80)
    if draw(st.integers(0, 19)) == 0:
        first |= draw(st.sampled_from([0x10, 0x20, 0x40]))
    return _written(first, draw(st.integers(0, 19)) > 0, draw(st.binary(min_size=4, max_size=4)), payload)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """Messages that may be written so, whole or in pieces, with pings between them."""
    key, pieces = draw(st.binary(min_size=4, max_size=4)), draw(st.lists(PAYLOADS, min_size=1, max_size=3))
    opcode = draw(st.sampled_from([1, 2]))
    written = b""
    for number, piece in enumerate(pieces):
        is_last = number == len(pieces) - 1
        written += _written((0 if number else opcode) | (0x80 if is_last else 0), True, key, piece)
        if draw(st.booleans()):
            written += _written(0x89, True, key, b"still there?")
    return written


def ours(pieces: list[bytes]) -> Heard:
    parser, heard = FrameParser(MAX_BYTES), Heard()
    for piece in pieces:
        parser.feed(piece)
        try:
            while (event := parser.next_event()) is not None:
                if isinstance(event, Close):
                    heard.code = event.code
                    return heard
                if not isinstance(event, Passed):
                    heard.events.append(event)
        except FrameError as error:
            heard.code = error.code
            return heard
    return heard


def theirs(pieces: list[bytes]) -> Heard:
    protocol, heard, partial, is_text = Protocol(Side.SERVER, state=State.OPEN, max_size=MAX_BYTES), Heard(), b"", False
    for piece in pieces:
        protocol.receive_data(piece)
        for event in protocol.events_received():
            assert isinstance(event, Frame)
            if event.opcode is TheirOpcode.PING:
                heard.events.append(Ping(bytes(event.data)))
            if event.opcode not in {TheirOpcode.TEXT, TheirOpcode.BINARY, TheirOpcode.CONT}:
                continue
            is_text = event.opcode is TheirOpcode.TEXT if event.opcode is not TheirOpcode.CONT else is_text
            partial += event.data
            if not event.fin:
                continue
            try:  # what a text holds is left to whoever puts its pieces together
                heard.events.append(partial.decode() if is_text else partial)
            except UnicodeDecodeError:
                heard.code = 1007
                return heard
            partial = b""
    fault = protocol.parser_exc
    heard.is_cut_short = isinstance(fault, PayloadTooBig) and (fault.size or 0) <= MAX_CONTROL_BYTES
    close = protocol.close_rcvd or protocol.close_sent
    heard.code = None if close is None else close.code
    return heard


def _cut(stream: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    return [stream[start:end] for start, end in pairwise(marks)]


@settings(max_examples=250, deadline=None)
@given(st.lists(st.one_of(frames(), messages(), messages()), max_size=6), st.lists(st.integers(0, 4000), max_size=12))
@example([_written(0x88, True, b"abcd", b"")], [])
@example([_written(0x88, True, b"abcd", b"\0\0\x80")], [])
@example([_written(0x01, True, b"abcd", b"\xc3"), _written(0x80, True, b"abcd", b"\xbc")], [7])
@example([_written(0x81, True, b"abcd", b"\xed\xa0\x80")], [])
@example([_written(1, True, b"abcd", b"x" * 1000), _written(0x89, True, b"abcd", b"still there?")], [])
def test_every_stream_is_read_as_the_stock_library_reads_it(written: list[bytes], places: list[int]) -> None:
    stream = b"".join(written)
    heard, expected = ours(_cut(stream, places)), theirs([stream])
    if expected.is_cut_short:
        assert heard.events[: len(expected.events)] == expected.events
    else:
        assert heard == expected


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=8))
def test_where_noise_is_cut_changes_nothing(noise: bytes, places: list[int]) -> None:
    assert ours(_cut(noise, places)) == ours([noise])


def test_every_single_byte_may_come_alone() -> None:
    stream = _written(0x01, True, b"abcd", "z\u00fc".encode()[:2]) + _written(0x89, True, b"efgh", b"?")
    stream += _written(0x80, True, b"ijkl", "z\u00fc".encode()[2:]) + _written(0x82, True, b"mnop", bytes(500))
    heard = ours([stream[position : position + 1] for position in range(len(stream))])
    assert heard.events == [Ping(b"?"), "z\u00fc", bytes(500)]


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"\x82\xfe\x00\x7d", id="16 bits for 125"),
        pytest.param(b"\x82\xff" + (65535).to_bytes(8, "big"), id="64 bits for 65,535"),
    ],
)
def test_a_length_in_more_bytes_than_it_needs_is_refused(head: bytes) -> None:
    """RFC 6455, section 5.2; the stock library lets it pass."""
    assert ours([head]).code == 1002


def test_a_message_that_will_be_too_long_is_refused_at_its_head() -> None:
    assert ours([b"\x82\xfe\x03\xe9"]).code == 1009
    assert ours([_written(0x02, True, b"abcd", b"x" * 600), b"\x80\xfe\x01\x91"]).code == 1009
    assert ours([b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff"]).code == 1009


@given(st.binary(max_size=2000), st.binary(min_size=4, max_size=4))
def test_masking_is_byte_by_byte(data: bytes, key: bytes) -> None:
    assert unmask(data, key) == bytes(byte ^ key[position % 4] for position, byte in enumerate(data))


@pytest.mark.parametrize("length", [0, 125, 126, 65535, 65536, 1 << 20])
def test_heads_are_those_of_the_stock_library(length: int) -> None:
    whole = Frame(TheirOpcode.BINARY, bytes(length)).serialize(mask=False)
    assert whole[: len(whole) - length] == write_head(Opcode.BINARY, length)
