"""What a terminal's earlier output has set and later output relies on: modes, colours, screen, margins, title.

Bytes that leave the scrollback pass here, so that a screen which begins with the oldest kept byte can be put into the
state in which the program believes it. Only sequences that outlast what they are written beside are looked for; what
xterm.js 6 does on them is what is followed here (its InputHandler), and an ESC begins a sequence wherever it stands
(vt100.net/emu/dec_ansi_parser).
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

_OTHERS = (
    rb"[()*+][0-9A-Z<=>`]"
    rb"|\](?:[024]|1[0-2]);[^\x07\x18\x1a\x1b]{0,1024}(?=[\x07\x1b])"
    rb"|\]1(?:04(?:;[0-9;]{0,1024})?|1[0-2])(?=[\x07\x1b])|\[3g(?:[\r ]*+\x1bH)*+)"
)
_find_all = re.compile(rb"\x1b(?:\[[!?0-9;: ]*+[hlmpqrsu]|[78=>cno]|" + _OTHERS).findall
_find_all_and_shifts = re.compile(rb"[\x0e\x0f]|\x1b(?:\[[!?0-9;: ]*+[hlmpqrsu]|[78=>cno]|" + _OTHERS).findall
_find_modes = re.compile(rb"\x1b(?:\[[!?0-9;: ]*+[hlpqr]|[=>cno]|" + _OTHERS).findall
_is_open = re.compile(
    rb"\x1b(?:[\x00-\x17\x19\x1c-\x2f\x7f]*|\[[\x00-\x17\x19\x1c-\x3f\x7f]*|\][^\x07\x18\x1a]*|[PX^_][^\x18\x1a]*)",
    re.DOTALL,
).fullmatch
_STRING_ENDS = {"]": re.compile(rb"[\x07\x18\x1a]").search, "P": re.compile(rb"[\x18\x1a]").search}
_RENDITION_RESETS = (b"\x1b[m", b"\x1b[0m", b"\x1b[0;")
_IN_ORDER = re.compile(rb"\x1b(?:[78]|\[[su]|\[\?[0-9;]*\b(?:47|104[789])(?![0-9]))").match
"""What they do depends on what came before: which screen is shown, what was saved."""

LONG_SEQUENCE_BYTES = 4096
"""A longer one is a string (an image, a clipboard), of which only the kind is remembered."""
DENSE = 2048
"""Beyond so many sequences in one piece (a film in colours, a wild program) colours are followed only at its end."""
_DENSE_END_BYTES = 8192
IN_ORDER = 512
"""So many of the last sequences of a piece are followed one after the other; of those before them each once, where it
came last. A piece that holds more is made to keep the node busy: followed one by one it would take 0.1 s and more."""
MAX_PARAMETERS = 32
"""Of a sequence; xterm.js passes over those behind them."""
_TITLE_CHARS = 256
_COLOUR_CHARS = 64
_PALETTE_COLOURS = 32
"""Themes for shells set 16 to 22 of the 256."""
_TAB_STOPS = 100
_is_palette_number = re.compile(r"[01]?[0-9]{1,2}|2[0-4][0-9]|25[0-5]").fullmatch
_is_palette_colour = re.compile(r"rgb:[0-9A-Fa-f]{1,4}(?:/[0-9A-Fa-f]{1,4}){2}|#[0-9A-Fa-f]{3,12}").fullmatch
_SWITCHES: Final = {1: False, 6: False, 7: True, 12: False, 25: True, 45: False, 66: False, 1004: False, 2004: False}
"""DEC private modes that are just on or off, and what they are at first."""
_SOFT_RESET_LEAVES = {12}
_SGR = ord("m")
_CURSOR_SHOWN = 25
_KEYPAD = 66
_MOUSE = {9, 1000, 1002, 1003}
_MOUSE_ENCODINGS = {1006, 1016}
_ALTERNATE = {47, 1047, 1049}
_SAVE_CURSOR = {1048, 1049}
_INSERT = 4
_NEW_LINE = 20
_CURSORS = {f"{number} " for number in ("", *range(7))}
_is_plain = re.compile(r"[0-9;:]*").fullmatch
_COLOUR_KINDS = {38: "text", 48: "behind", 58: "line"}
_UNSET = {22: "12", 23: "3", 24: "4", 25: "5", 27: "7", 28: "8", 29: "9", 55: "o"}
_SHIFTS = {b"\x0e": 1, b"\x0f": 0, b"\x1bn": 2, b"\x1bo": 3}
_SHIFT_BACK = ("\x0f", "\x0e", "\x1bn", "\x1bo")


class Modes(msgspec.Struct, omit_defaults=True):
    """State of a terminal between two bytes of its output.

    `switches` are the private modes that are not as at first; `margins`, `saved` belong to the main and the alternate
    screen; `rendition` has the parameter of each property that SGR has set; `string` is the kind of a control string
    that has begun and not ended; `tabs` are columns of the main screen, None while they are those of the beginning.
    """

    is_alternate: bool = False
    switches: dict[int, bool] = {}
    mouse: int = 0
    mouse_encoding: int = 0
    insert: bool = False
    new_line: bool = False
    margins: list[str] = msgspec.field(default_factory=lambda: ["", ""])
    rendition: dict[str, str] = {}
    saved: list[dict[str, str]] = msgspec.field(default_factory=lambda: [{}, {}])
    charsets: dict[int, str] = {}
    shift: int = 0
    cursor: str = ""
    title: str | None = None
    colours: dict[str, str] = {}
    palette: dict[str, str] = {}
    tabs: list[int] | None = None
    string: str = ""

    # --- following --------------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> int:
        """Follow `data`; returns how much of it counts: a sequence that is not whole yet is fed again with the rest."""
        whole = self._whole(data)
        if whole < len(data):
            data = data[: whole + 1]  # the ESC ends a string before it
        is_shifted = b"\x0e" in data or b"\x0f" in data
        if not is_shifted and b"\x1b" not in data:
            return whole  # most of what programs print
        if data.count(b"\x1b") > DENSE:
            data = self._skim(data)
        self._follow_all((_find_all_and_shifts if is_shifted else _find_all)(data))
        return whole

    def _skim(self, data: bytes) -> bytes:
        """Follow all but the end of `data`, without colours save those after the last reset; returns the end.

        A piece of 256 KiB costs at most about 1 ms this way; each of its sequences looked at would cost 20 to 80.
        """
        begin = data[:-_DENSE_END_BYTES]
        self._follow_all(_find_modes(begin))
        reset = max(begin.rfind(each) for each in _RENDITION_RESETS)
        if reset >= 0:
            self._follow_all(_find_all(begin, reset, reset + _DENSE_END_BYTES))
        return data[-_DENSE_END_BYTES:]

    def _follow_all(self, found: list[bytes]) -> None:
        if len(found) > IN_ORDER:
            self._follow(_last_of(found[:-IN_ORDER]))
            found = found[-IN_ORDER:]
        last = _last_of(found)
        if any(_IN_ORDER(each) for each in last if each[-1] != _SGR):
            self._follow_in_order(found)
        else:
            self._follow(last)

    def _whole(self, data: bytes) -> int:
        """Up to where `data` consists of whole sequences; notes in `string` when it breaks off in a long one."""
        at = data.rfind(b"\x1b")
        if at < 0:
            if self.string and _STRING_ENDS["]" if self.string == "]" else "P"](data):
                self.string = ""
            return len(data)
        self.string = ""
        if not _is_open(data, at):
            return len(data)
        if len(data) - at <= LONG_SEQUENCE_BYTES:
            return at
        if data[at + 1] in b"]PX^_":
            self.string = chr(data[at + 1])
        return len(data)

    def _follow_in_order(self, found: list[bytes]) -> None:
        unordered: dict[bytes, None] = {}
        for each in found:
            if each[-1] != _SGR and _IN_ORDER(each):
                self._follow(unordered)
                unordered.clear()
                self._follow((each,))
            else:
                unordered.pop(each, None)
                unordered[each] = None
        self._follow(unordered)

    def _follow(self, settings: Iterable[bytes]) -> None:
        for setting in settings:
            if setting in _SHIFTS:
                self.shift = _SHIFTS[setting]
            elif setting[1:2] == b"[":
                self._control(setting[2:-1].decode(), chr(setting[-1]))
            elif setting[1:2] == b"]":
                self._command(setting[2:].decode(errors="replace"))
            elif len(setting) > 2:
                self.charsets[b"()*+".index(setting[1])] = setting.decode()
            else:
                self._escape(chr(setting[1]))

    def _escape(self, final: str) -> None:
        if final == "7":
            self._save()
        elif final == "8":
            self._restore()
        elif final in "=>":
            self._switch(_KEYPAD, is_on=final == "=")
        elif final == "c":
            self._reset()

    def _control(self, parameters: str, final: str) -> None:
        if final in "gH":
            self._tab_stops(parameters + final)
        elif final in "hl":
            is_private = parameters.startswith("?")
            for number in _numbers(parameters.lstrip("?")):
                (self._private if is_private else self._public)(number, is_on=final == "h")
        elif final == "q" and parameters in _CURSORS:
            self.cursor = parameters.strip()
        elif final == "p" and parameters == "!":
            self._soft_reset()
        elif not _is_plain(parameters):
            return
        elif final == "m":
            self._rendition(parameters)
        elif final == "r":
            self._margins(parameters)
        elif final == "s":
            self._save()
        elif final == "u":
            self._restore()

    def _tab_stops(self, moves: str) -> None:
        """All cleared, then set at the columns that carriage returns and spaces lead to, as tabs(1) and reset(1) do."""
        if self.is_alternate:
            return
        self.tabs, column = [], None
        for move in moves:
            if move == "\r":
                column = 0
            elif column is not None and move == " ":
                column += 1
            elif column is not None and move == "H" and len(self.tabs) < _TAB_STOPS:
                self.tabs.append(column)

    def _margins(self, parameters: str) -> None:
        top, bottom, *_ = [*_numbers(parameters), 0, 0]
        if not bottom or bottom > max(top, 1):
            self.margins[self.is_alternate] = f"{max(top, 1)};{bottom or ''}" if top > 1 or bottom else ""

    def _private(self, number: int, *, is_on: bool) -> None:
        if number in _SWITCHES:
            self._switch(number, is_on=is_on)
        elif number in _MOUSE:
            self.mouse = number if is_on else 0
        elif number in _MOUSE_ENCODINGS:
            self.mouse_encoding = number if is_on else 0
        elif number in _ALTERNATE or number in _SAVE_CURSOR:
            self._screen(number, is_on=is_on)

    def _screen(self, number: int, *, is_on: bool) -> None:
        if is_on and number in _SAVE_CURSOR:
            self._save()
        if number in _ALTERNATE:
            if self.is_alternate and not is_on:
                self.margins[1] = ""
            self.is_alternate = is_on
        if not is_on and number in _SAVE_CURSOR:
            self._restore()

    def _public(self, number: int, *, is_on: bool) -> None:
        if number == _INSERT:
            self.insert = is_on
        elif number == _NEW_LINE:
            self.new_line = is_on

    def _switch(self, number: int, *, is_on: bool) -> None:
        if is_on == _SWITCHES[number]:
            self.switches.pop(number, None)
        else:
            self.switches[number] = is_on

    def _save(self) -> None:
        self.saved[self.is_alternate] = dict(self.rendition)

    def _restore(self) -> None:
        self.rendition = dict(self.saved[self.is_alternate])

    def _soft_reset(self) -> None:
        self.switches = {number: is_on for number, is_on in self.switches.items() if number in _SOFT_RESET_LEAVES}
        self.insert = False
        self.margins[self.is_alternate] = ""
        self.rendition = {}
        self.saved[self.is_alternate] = {}
        self.charsets = {}
        self.shift = 0
        self.cursor = ""

    def _reset(self) -> None:
        is_cursor_hidden = _CURSOR_SHOWN in self.switches
        self._soft_reset()
        self.switches = {_CURSOR_SHOWN: False} if is_cursor_hidden else {}  # xterm.js leaves it so
        self.is_alternate = False
        self.mouse = self.mouse_encoding = 0
        self.margins = ["", ""]
        self.saved = [{}, {}]
        self.tabs = None

    def _rendition(self, parameters: str) -> None:
        each = iter(_parameters(parameters))
        for parameter in each:
            number = _number(parameter.partition(":")[0])
            if number == 0:
                self.rendition.clear()
            elif number in _COLOUR_KINDS:
                colour = _colour(parameter, each)
                if len(colour) <= _COLOUR_CHARS:
                    self.rendition[_COLOUR_KINDS[number]] = colour
            elif number in _UNSET:
                for key in _UNSET[number]:
                    self.rendition.pop(key, None)
            elif (key := _property(number)) and len(parameter) <= _COLOUR_CHARS:
                self.rendition[key] = parameter
            elif number in {39, 49, 59}:
                self.rendition.pop(_COLOUR_KINDS[number - 1], None)

    def _command(self, text: str) -> None:
        number, _, value = text.partition(";")
        if number in {"0", "2"}:
            self.title = "".join(filter(str.isprintable, value))[:_TITLE_CHARS]
        elif number in {"4", "104"}:
            self._palette(number, value.split(";"))
        elif number in {"110", "111", "112"}:
            self.colours.pop(number[1:], None)
        elif "?" not in value and value.isprintable() and len(value) <= _COLOUR_CHARS:
            self.colours[number] = value

    def _palette(self, number: str, values: list[str]) -> None:
        if number == "4":
            for index, colour in zip(values[::2], values[1::2], strict=False):
                if _is_palette_number(index) and _is_palette_colour(colour):
                    self.palette[str(int(index))] = colour
            while len(self.palette) > _PALETTE_COLOURS:
                _ = self.palette.popitem()
        elif values == [""]:
            self.palette.clear()
        else:
            for index in filter(_is_palette_number, values):
                self.palette.pop(str(int(index)), None)

    # --- telling ----------------------------------------------------------------------------------------------------

    def preamble(self) -> str:
        """What brings any terminal into this state; the picture of an alternate screen it begins blank."""
        # CAN ends whatever sequence the terminal is in. Cursor saved and restored: a main screen stays as it is.
        parts = ["\x18\x1b7\x1b[?1049l\x1b[!p\x1b[?9;1000;1002;1003;1006;1016l\x1b[4;20l\x1b[?12l", self._margins_of(0)]
        parts += [self._tabs_text()]
        if self.is_alternate:
            parts += [_rendition_text(self.saved[0]), "\x1b[?1049h\x1b[m\x1b[2J\x1b[H", self._margins_of(1)]
        elif self.saved[1]:
            parts += ["\x1b[?47h", _rendition_text(self.saved[1]), "\x1b7\x1b[?47l"]
        if saved := self.saved[self.is_alternate]:
            parts += [_rendition_text(saved), "\x1b7"]
        parts += [f"\x1b[?{number}{'h' if is_on else 'l'}" for number, is_on in sorted(self.switches.items())]
        parts += [f"\x1b[?{number}h" for number in (self.mouse, self.mouse_encoding) if number]
        parts += ["\x1b[4h"] * self.insert + ["\x1b[20h"] * self.new_line
        parts += [self.charsets[number] for number in sorted(self.charsets)]
        parts += [_SHIFT_BACK[self.shift]] * (self.shift > 0)
        parts += [f"\x1b[{self.cursor} q"] * bool(self.cursor)
        parts += [f"\x1b]{number};{colour}\x07" for number, colour in sorted(self.colours.items())]
        parts += [f"\x1b]4;{number};{colour}\x07" for number, colour in self.palette.items()]
        parts += [f"\x1b]2;{self.title}\x07"] * (self.title is not None)
        return "".join([*parts, _rendition_text(self.rendition), self._open_string()])

    def _margins_of(self, screen: int) -> str:
        """Setting margins moves the cursor, which is put back."""
        return f"\x1b7\x1b[{self.margins[screen]}r\x1b8" if self.margins[screen] else ""

    def _tabs_text(self) -> str:
        if self.tabs is None:
            return ""
        return "".join(["\x1b7\x1b[3g", *(f"\x1b[{column + 1}G\x1bH" for column in self.tabs), "\x1b8"])

    def _open_string(self) -> str:
        """The rest of a long string is swallowed: an OSC that nobody knows, an APC that nobody reads."""
        return {"": "", "]": "\x1b]9999;"}.get(self.string, "\x1b_")


def _last_of(found: list[bytes]) -> list[bytes]:
    """Each setting overrides what it sets, so of equal ones the last counts: what is dense is mostly colours."""
    last = dict(zip(found, range(len(found)), strict=True))
    return sorted(last, key=last.__getitem__)[-IN_ORDER:]


def _parameters(text: str) -> list[str]:
    return text.split(";", MAX_PARAMETERS)[:MAX_PARAMETERS]


def _numbers(parameters: str) -> list[int]:
    return [_number(each) for each in _parameters(parameters)]


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _colour(parameter: str, rest: "Iterable[str]") -> str:
    """A colour with its arguments: in the same parameter behind colons, or in the next two or four."""
    if ":" in parameter:
        return parameter
    arguments = iter(rest)
    kind = next(arguments, "")
    count = {"5": 1, "2": 3}.get(kind, 0)
    return ";".join([parameter, kind, *(next(arguments, "") for _ in range(count))])


def _property(number: int) -> str:
    """Which property a parameter sets: a colour, or the digit of a flag."""
    if 30 <= number <= 37 or 90 <= number <= 97:
        return "text"
    if 40 <= number <= 47 or 100 <= number <= 107:
        return "behind"
    return {21: "4", 53: "o"}.get(number, str(number) if number in {1, 2, 3, 4, 5, 7, 8, 9} else "")


def _rendition_text(rendition: dict[str, str]) -> str:
    return f"\x1b[{';'.join(['0', *rendition.values()])}m"
