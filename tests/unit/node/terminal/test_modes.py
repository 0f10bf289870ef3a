"""A screen that begins with the oldest kept byte, against one that has seen everything. The screens are xterm's."""

import os
import random
from collections.abc import Iterator

import pytest

from node.terminal import modes as modes_module
from node.terminal import scrollback as scrollback_module
from node.terminal.modes import DENSE, Modes
from node.terminal.scrollback import Beginning, Descriptors, Scrollback
from tests.support.xterm_screens import Screen, screens

KEPT = 3000
SETTLE = b"\x1b[2J\x1b[2;3H"
"""From here on the picture is drawn anew, whatever was there before."""
WORDS = [b"word", "grüße".encode(), "日本語".encode(), b"line\r\nnext\r\n", b"\t", b"\x08", b"x" * 100, b"tail\r\n"]
PENS = [
    *(b"\x1b[%sm" % each for each in (b"", b"0", b"1", b"2", b"3", b"7", b"9", b"22", b"24", b"27", b"39", b"49")),
    *(b"\x1b[%sm" % each for each in (b"31", b"1;94", b"38;5;77", b"48;2;1;2;3", b"38:2::9:8:7", b"0;45", b"53;8;55")),
]
SWITCHES = [
    b"\x1b[?%d%s" % (number, act)
    for number in (1, 7, 25, 45, 1000, 1002, 1003, 1004, 1006, 2004)
    for act in (b"h", b"l")
]
SCREENS = [
    *(b"\x1b[?%d%s" % (number, act) for number in (47, 1047, 1049) for act in (b"h", b"l")),
    b"\x1b[?1049;25h",
    b"\x1b[?25;1049l",
]
MARGINS = [b"\x1b[3;10r", b"\x1b[r", b"\x1b[5r", b"\x1b[20;4r", b"\x1b[;7r"]
OTHERS = [
    b"\x1b7",
    b"\x1b8",
    b"\x1b=",
    b"\x1b>",
    b"\x1b[4h",
    b"\x1b[4l",
    b"\x1b[!p",
    b"\x1bc",
    b"\x1b[5 q",
    b"\x1b[0 q",
    b"\x1b]0;first \xc3\xbc\x07",
    b"\x1b]2;second\x1b\\",
    b"\x1b]52;c;" + b"QUJD" * 40 + b"\x07",
    b"\x1bP1;2q" + b"#0~~@@" * 60 + b"\x1b\\",
    b"\x1b[?25\x18",
    b"\x1b[>4;2m",
    b"\x1b[?u",
    b"\x1b[s",
    b"\x1b[u",
    b"\x1b]4;1;rgb:12/34/56\x1b\\",
    b"\x1b]4;1;#abcdef;017;rgb:1/2/3;300;#000000;2;red\x07",
    b"\x1b]104;1\x07",
    b"\x1b]104\x07",
]
DRAWING = [b"\x1b[4m", b"\x1b[4:3m", b"\x1b[21m", b"\x1b(0", b"\x1b(B", b"\x1b)0", b"\x0e", b"\x0f"]


def stream(seed: int) -> bytes:
    """Output of a program that sets everything it can, in which the last kilobytes begin with a new picture."""
    chance = random.Random(seed)
    # With the cursor xterm gives back the character set, and half of the underline: not both in one program.
    kinds = [WORDS, WORDS, PENS, SWITCHES, MARGINS, *([SCREENS, OTHERS] if seed % 3 else [DRAWING])]
    begin = b"".join(chance.choice(chance.choice(kinds)) for _ in range(chance.randrange(20, 900)))
    end = b"".join(chance.choice(chance.choice((WORDS, PENS, MARGINS))) for _ in range(30))
    return begin + SETTLE + end


def in_small_pieces(patch: pytest.MonkeyPatch) -> None:
    """Output is followed in pieces of 512 bytes, in which a string of 256 is long."""
    patch.setattr(scrollback_module, "_TRIM_EVERY_BYTES", 512)
    patch.setattr(modes_module, "LONG_SEQUENCE_BYTES", 256)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Descriptors, int]]:
    """A scrollback's descriptors, fed by a pipe in the place of a terminal."""
    in_small_pieces(monkeypatch)
    pty, feed = os.pipe()
    shared = Descriptors.create(lambda: pty)
    yield shared, feed
    shared.close()
    os.close(feed)


def fill(scrollback: Scrollback, feed: int, data: bytes, piece: int) -> None:
    for start in range(0, len(data), piece):
        expected = scrollback.end + os.write(feed, data[start : start + piece])
        while scrollback.end < expected:
            scrollback.take(piece)


def begun(data: bytes, piece: int, cut: int) -> Beginning:
    """Where a screen begins that is to see `data` from `cut` on; another process took over in the middle."""
    with pytest.MonkeyPatch.context() as patch:
        in_small_pieces(patch)
        pty, feed = os.pipe()
        shared = Descriptors.create(lambda: pty)
        try:
            kept = len(data) - cut
            half = len(data) // 2
            fill(Scrollback(shared, kept), feed, data[:half], piece)
            second = Scrollback(shared, kept)
            fill(second, feed, data[half:], piece)
            assert second.start == cut
            return second.begin(cut)
        finally:
            shared.close()
            os.close(feed)


def state(screen: Screen) -> Screen:
    """All but the picture, and where the cursor stands in it."""
    return {name: value for name, value in screen.items() if name not in {"lines", "cursor"}}


def test_a_screen_that_begins_late_ends_as_one_that_saw_all() -> None:
    shown, tried = [], []
    for seed in range(150):
        data = stream(seed)
        chance = random.Random(seed)
        cut = chance.randrange(data.rindex(SETTLE) + 1)
        beginning = begun(data, chance.choice((1, 7, 64, 500)) if len(data) < 3000 else 500, cut)
        assert cut <= beginning.offset <= cut + 4096
        shown += [[data], [beginning.preamble.encode(), data[beginning.offset :]]]
        tried.append((seed, cut, beginning, data.rindex(SETTLE)))
    drawn = screens(shown)
    for each, stayed, began in zip(tried, drawn[::2], drawn[1::2], strict=True):
        assert state(began) == state(stayed), each
        if each[2].offset <= each[3]:
            assert began == stayed, each


def test_an_open_sequence_is_gone_on_with() -> None:
    """Cut in every place of sequences, strings and characters."""
    data = (
        b"before\r\n\x1b[1;3;31mred\x1b]2;a title\x1b\\\x1b[?1049h\x1b[2;5r" + "é日".encode() + b"\x1bP1$r0m\x1b\\"
        b"\x1b]52;c;QUJDREVGRw==\x07\x1b[?2004h\x1b(0qqq\x1b(B" + SETTLE + b"end\x1b[Kx"
    )
    beginnings = [begun(data, 8, cut) for cut in range(len(data) - 8)]
    drawn = screens([[data], *([each.preamble.encode(), data[each.offset :]] for each in beginnings)])
    for cut, screen in enumerate(drawn[1:]):
        if cut <= data.rindex(SETTLE):
            assert screen == drawn[0], cut
        assert state(screen) == state(drawn[0]), cut


def test_a_string_that_never_ends_shows_nothing() -> None:
    image = b"\x1bP0;0q" + b"#1~~$-" * 3000
    for kind in (image, image.replace(b"\x1bP", b"\x1b_"), image.replace(b"\x1bP", b"\x1b]1337;")):
        data = b"text\r\n" + kind + b"\x1b\\after"
        beginning = begun(data, 500, len(data) - 900)
        (screen,) = screens([[beginning.preamble.encode(), data[beginning.offset :]]])
        assert [line for line, _ in screen["lines"] if line] == ["after"]


def test_the_picture_is_whole_when_it_is_drawn_anew_in_what_is_kept(pipe: tuple[Descriptors, int]) -> None:
    shared, feed = pipe
    scrollback = Scrollback(shared, KEPT)
    fill(scrollback, feed, b"\x1b[?1049h\x1b[2J" + b"\x1b[5;5Hxxxx" * 600, 500)
    assert not scrollback.begin(scrollback.start).is_picture_whole
    fill(scrollback, feed, b"\x1b[H\x1b[2J" + b"\x1b[5;5Hyyyy" * 10, 500)
    assert scrollback.begin(scrollback.start).is_picture_whole
    fill(scrollback, feed, b"\x1b[?1049l" + b"lines\r\n" * 600, 500)
    assert scrollback.begin(scrollback.start).is_picture_whole


def test_what_is_dense_is_followed_at_its_end(pipe: tuple[Descriptors, int]) -> None:
    """A film in colours: modes are never missed, colours not those of the last part."""
    shared, feed = pipe
    film = b"".join(b"\x1b[38;2;%d;%d;%dm#" % (red, red // 3, 255 - red) for red in range(256)) * 40
    data = b"\x1b[1m" + film + b"\x1b[?1000h\x1b[0;4m" + film + b"\x1b[?2004h" + film
    assert data.count(b"\x1b") > DENSE
    modes = Modes()
    assert modes.feed(data) == len(data)
    full, late = screens([[data], [modes.preamble().encode()]])
    assert state(late) == state(full)
    # The page of the record holds whatever was set, and is there for the next process.
    fill(Scrollback(shared, KEPT), feed, data, 500)
    again = Scrollback(shared, KEPT).begin(Scrollback(shared, KEPT).start)
    assert "\x1b[?2004h" in again.preamble


def test_the_record_costs_a_page(pipe: tuple[Descriptors, int]) -> None:
    shared, feed = pipe
    scrollback = Scrollback(shared, KEPT)
    for text in (
        b"\x1b]2;" + b"t" * 200 + b"\x07",
        b"\x1b[38:2" + b":1" * 900 + b"m",
        b"\x1b]11;" + b"r" * 900 + b"\x07",
    ):
        fill(scrollback, feed, text + b"lines\r\n" * 1000, 500)
    assert os.fstat(shared.memory).st_blocks * 512 <= KEPT + 512 + 4 * 4096
    assert Scrollback(shared, KEPT).begin(scrollback.start).preamble == scrollback.begin(scrollback.start).preamble


def test_what_was_given_back_without_being_followed_is_passed_over(pipe: tuple[Descriptors, int]) -> None:
    """As a holder does that was started by an older version."""
    shared, feed = pipe
    fill(Scrollback(shared, KEPT), feed, b"\x1b[1m" + b"lines\r\n" * 3000, 500)
    os.pwrite(shared.memory, bytes(4096), 1 << 56)
    late = Scrollback(shared, KEPT)
    fill(late, feed, b"\x1b[3m" + b"lines\r\n" * 1000, 500)
    (screen,) = screens([[late.begin(late.start).preamble.encode()]])
    (italic,) = screens([[b"\x1b[3m"]])
    assert screen["pen"] == italic["pen"]


def test_what_screens_keep_apart_is_followed_in_order() -> None:
    """An editor and then a pager: the margins of the first are not those of the screen that both leave."""
    data = b"\x1b[?1049h\x1b[3;10r\x1b[?1049l\x1b[?1049h\x1b[2J\x1b[?1049l"
    modes = Modes()
    assert modes.feed(data) == len(data)
    full, late = screens([[data], [modes.preamble().encode()]])
    assert state(late) == state(full)


@pytest.mark.parametrize("columns", [(0, 4, 8, 12), (8, 13), ()])
@pytest.mark.parametrize("screen", [b"", b"\x1b[?1049h"])
def test_tab_stops_are_kept_as_tabs_sets_them(columns: tuple[int, ...], screen: bytes) -> None:
    steps = [right - left for left, right in zip((0, *columns), columns, strict=False)]
    data = b"\x1b[3g\r" + b"".join(b" " * step + b"\x1bH" for step in steps) + b"\r" + screen
    modes = Modes()
    modes.feed(data)
    full, late = screens([[data], [modes.preamble().encode()]])
    assert state(late) == state(full)
    assert late["tabs"] == [*columns]
    modes.feed(b"\x1bc")
    full, late = screens([[data, b"\x1bc"], [modes.preamble().encode()]])
    assert late["tabs"] == full["tabs"] == [*range(0, 80, 8)]


def test_a_palette_has_a_bound() -> None:
    modes = Modes()
    for number in range(256):
        modes.feed(b"\x1b]4;%d;rgb:ffff/ffff/ffff\x1b\\" % number)
    assert len(modes.preamble()) < 2000
    modes.feed(b"\x1b]104\x07")
    assert "rgb:" not in modes.preamble()


@pytest.mark.parametrize("colours", ["?", "?;?", "red;?", "?;red"])
def test_a_question_for_colours_is_not_asked_again(colours: str) -> None:
    modes = Modes()
    modes.feed(f"\x1b]10;{colours}\x07".encode())
    assert "?" not in modes.preamble().replace("\x1b[?", "")
