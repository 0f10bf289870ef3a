"""Output that is made to keep the node busy: what following it costs, counted in calls, and that nothing breaks it."""

import random
import sys
from types import FrameType

import pytest

from node.terminal.modes import LONG_SEQUENCE_BYTES, Modes

PIECE_BYTES = 256 * 1024
"""What is followed in one turn of the loop."""
MOST_CALLS = 120_000
"""About 20 ms; one by one the sequences below would cost ten times as much."""
PARTS = (
    b"\x1b", b"\x1b[", b"\x1b]", b"\x1bP", b"\x1b_", b"\x07", b"\x1b\\", b"\x18", b"\x1a", b"\x0e", b"\x0f", b"\x9b",
    b"0;", b"2;", b"4;1;", b"8;;", b"11;", b"104\x07", b"#ffffff", b"rgb:1/2/3", b"?", b"?1049", b"h", b"l", b"m", b"r",
    b"38;5;1", b"38:2::1:2:3", b"58;2;", b";", b":", b"1", b"9" * 40, b"s", b"u", b"7", b"8", b"c", b"!p", b"3g", b"H",
    b"(0", b"*B", b" q", b"n", b"o", b"=", b"\xff", b"\xc3", "\u0663".encode(), b"\n", b"\0", b"x" * 50,
)  # fmt: skip


def filled(part: bytes) -> bytes:
    return (part * (PIECE_BYTES // len(part) + 1))[:PIECE_BYTES]


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(filled(b"\x1b["), id="begun and begun"),
        pytest.param(filled(b"\x1b]"), id="strings begun and begun"),
        pytest.param(filled(b"\x1b[?1049h\x1b[?1049l"), id="screens there and back"),
        pytest.param(b"".join(b"\x1b[?%d;47h" % (n % 1000) for n in range(29_000)), id="screens, each another"),
        pytest.param(filled(b"\x1b7\x1b8"), id="cursor saved and back"),
        pytest.param(b"\x1b[?" + b"47;" * 87_000 + b"h", id="one with many parameters"),
        pytest.param(b"\x1b[" + b"38;5;1;" * 37_000 + b"m", id="one with many colours"),
        pytest.param(filled(b"\x1b[?" + b"47;" * 40 + b"h"), id="many with many"),
        pytest.param(b"".join(b"\x1b]2;%d\x07" % n for n in range(23_000)), id="titles"),
        pytest.param(filled(b"\x1bc"), id="resets"),
        pytest.param(filled(b"\x0e\x0f\x1b(0"), id="shifts"),
        pytest.param(filled(b"\x1b]0;" + b"x" * 1025), id="strings a little too long"),
    ],
)
def test_a_piece_costs_so_much_at_most(piece: bytes) -> None:
    modes, calls = Modes(), 0

    def count(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        modes.feed(piece)
    finally:
        sys.setprofile(None)
    assert calls < MOST_CALLS
    assert len(modes.preamble()) < 4096


def test_what_a_dense_piece_sets_last_counts() -> None:
    modes = Modes()
    modes.feed(filled(b"\x1b[?1049h\x1b[?1049l") + b"\x1b[?1049h\x1b[?25l\x1b[2;9r\x1b[31m")
    assert (modes.is_alternate, modes.switches, modes.margins[1]) == (True, {25: False}, "2;9")
    assert modes.rendition == {"text": "31"}


@pytest.mark.parametrize("seed", range(20))
def test_no_bytes_break_it_however_they_are_cut(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(25):
        data = b"".join(chance.choices(PARTS, k=chance.randint(1, 300)))
        modes, rest = Modes(), b""
        while data:
            size = chance.randint(1, 60)
            piece, data = rest + data[:size], data[size:]
            followed = modes.feed(piece)
            assert 0 <= followed <= len(piece)
            rest = piece[followed:]
        assert len(modes.preamble()) < 8192
        assert modes.preamble().isascii() or modes.title


def test_the_longest_preamble_is_within_the_contract() -> None:
    modes = Modes()
    every = b"".join(b"%d:%s;" % (number, b"9" * 61) for number in (1, 2, 3, 4, 5, 7, 8, 9, 53, 30, 40))
    every += b"38:%s;48:%s;58:%s" % ((b"9" * 61,) * 3)
    modes.feed(b"\x1b[3g" + b"".join(b"\r" + b" " * column + b"\x1bH" for column in range(900, 1000)))
    modes.feed(b"".join(b"\x1b]4;%d;#%s\x07" % (number, b"f" * 12) for number in range(256)))
    modes.feed(b"".join(b"\x1b]%d;%s\x07" % (number, b"x" * 64) for number in (10, 11, 12)))
    modes.feed(b"\x1b]2;%s\x07\x1b[%sm\x1b7\x1b[?1049h\x1b[%sm\x1b7" % (b"t" * 1000, every, every))
    told = modes.preamble()
    assert len(told) > 4096
    assert len(told) + LONG_SEQUENCE_BYTES < 16_384
