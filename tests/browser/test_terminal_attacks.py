"""What programs write to a terminal is never typed and never more than text, and no flood of it stops the page."""

import re
import shlex
import sys
from pathlib import Path

from playwright.async_api import Page, expect

from tests.browser.desk import Desk
from tests.browser.measures import foreign_markup
from tests.browser.steps import act_on_terminal, open_shell, panel, terminal, type_in_terminal

ESC = "\x1b"
ST = "\x1b\\"
EVIL = "touch PWNED\r"
HEX = EVIL.encode().hex()

ASKED = "".join(
    (
        # Titles that are set and asked for: CVE-2003-0063.
        f"{ESC}]0;{EVIL}\x07{ESC}]1;{EVIL}\x07{ESC}]2;{EVIL}{ST}{ESC}[22;0t{ESC}[20t{ESC}[21t{ESC}[23;0t",
        # Settings that are asked for by a name of one's own: CVE-2019-0542, CVE-2022-45872.
        f'{ESC}P$q{EVIL}{ST}{ESC}P$qm{ST}{ESC}P$q"p{ST}{ESC}P$q r{EVIL}{ST}{ESC}P+q{HEX}{ST}{ESC}P1$t{EVIL}{ST}',
        # An answer of one's own, keys that type it, what comes through a multiplexer (CVE-2019-9535).
        f"\x05{ESC}P0;1|17/{HEX}{ST}{ESC}Ptmux;{ESC}{ESC}]2;{EVIL}\x07{ST}{ESC}_{EVIL}{ST}{ESC}^{EVIL}{ST}{ESC}X{EVIL}{ST}",
        # Fonts, colours, variables, the clipboard, marks, notes.
        f"{ESC}]50;?{EVIL}\x07{ESC}]50;{EVIL}\x07{ESC}]50;?\x07{ESC}]4;1;?;2;{EVIL}\x07{ESC}]10;{EVIL};?\x07",
        f"{ESC}]1337;ReportVariable={HEX}\x07{ESC}]1337;ReportCellSize\x07{ESC}]52;c;{HEX}\x07{ESC}]52;c;?\x07",
        f"{ESC}]7;file://{EVIL}\x07{ESC}]9;{EVIL}\x07{ESC}]99;i=1:p=?;{EVIL}\x07{ESC}]777;notify;{EVIL}\x07{ESC}]60\x07",
        f"{ESC}]133;A;{EVIL}\x07{ESC}]633;E;{EVIL}\x07{ESC}]633;P;Cwd={EVIL}\x07",
        # Who one is, where the cursor stands, what is on the screen, printing.
        f"{ESC}[c{ESC}[>c{ESC}[=c{ESC}[>q{ESC}[5n{ESC}[6n{ESC}[?6n{ESC}[?15n{ESC}[?25n{ESC}[?26n{ESC}[x{ESC}[1x{ESC}[?u",
        f"{ESC}[1;1;1;1;1;1*y{ESC}[5i{EVIL}{ESC}[4i{ESC}[i{ESC}[?5i{EVIL}{ESC}[?4i{ESC}[18t{ESC}[19t{ESC}[14t{ESC}[11t",
    )
)  # fmt: skip
LAST, LAST_ANSWER = f"{ESC}[?77$p", f"{ESC}[?77;0$y"

ASKING = f"""
import os, pathlib, sys, termios, tty
before = termios.tcgetattr(0)
tty.setraw(0)
os.write(1, {(ASKED + LAST).encode()!r})
answered = b""
while {LAST_ANSWER.encode()!r} not in answered:
    answered += os.read(0, 4096)
termios.tcsetattr(0, termios.TCSADRAIN, before)
pathlib.Path(sys.argv[1]).write_bytes(answered)
print("ALL" + "-ASKED")
"""
FLOOD = """
import sys
out = sys.stdout.buffer
for n in range(1000):
    out.write(b"\\x1b]2;title %d\\x07\\x1b]133;A\\x07\\x1b]133;C\\x07x\\n" % n)
    out.write(b"\\x1b]133;D;1\\x07\\x07\\x1b]52;c;aGk=\\x07")
out.write(b"\\x1b]2;" + b"T" * 100_000 + b"\\x07")
out.write(b"\\x1b]8;;https://192.0.2.1/" + b"u" * 100_000 + b"\\x07long\\x1b]8;;\\x07\\n")
out.write(b"\\x1b]8;;file:///etc/passwd\\x07file\\x1b]8;;\\x07 FLOOD" + b"-OVER\\n")
"""


def program(folder: Path, name: str, text: str) -> str:
    """The line that runs it."""
    (folder / name).write_text(text)
    return f"{shlex.quote(sys.executable)} {name}"


async def test_no_answer_to_a_program_holds_what_somebody_else_has_written(page: Page, desk: Desk) -> None:
    await open_shell(page, desk, "asking")
    folder = desk.home / "asking"
    line = program(folder, "asking.py", ASKING)
    await type_in_terminal(page, f"{line} answers")
    await expect(terminal(page)).to_contain_text("ALL-ASKED")
    answers = (folder / "answers").read_bytes()
    assert b"\x1b[?1;2c" in answers, "it is answered at all"
    assert not re.search(rb"PWN|touch|[\r\n\x05]", answers), answers
    assert re.fullmatch(rb"(?:\x1b\[[?>=0-9;$]*[A-Za-z]|\x1b[P\]][ -~]*(?:\x1b\\|\x07))*", answers), answers
    # The same, shown in a shell: what is answered then stands in its line, and nothing runs.
    (folder / "shown").write_bytes(ASKED.encode())
    await type_in_terminal(page, "cat shown; echo SHOWN-$((1+1))")
    await expect(terminal(page)).to_contain_text("SHOWN-2")
    assert not (folder / "PWNED").exists()
    assert await foreign_markup(page) == []
    assert "PWN" not in await page.title()


async def test_no_flood_of_titles_marks_bells_and_requests_stops_the_page(page: Page, desk: Desk) -> None:
    await open_shell(page, desk, "flooding")
    line = program(desk.home / "flooding", "flood.py", FLOOD)
    await type_in_terminal(page, line)
    await expect(terminal(page)).to_contain_text("FLOOD-OVER", timeout=40_000)
    tab = panel(page).get_by_role("tab", selected=True).first
    await expect(tab).to_be_visible()
    assert len(await panel(page).inner_text()) < 20_000
    await type_in_terminal(page, "echo still-$((20+22))")
    await expect(terminal(page)).to_contain_text("still-42")
    assert await foreign_markup(page) == []
    await act_on_terminal(page, "Text of the terminal")
    await expect(page.get_by_role("region", name="Text of the terminal")).to_contain_text("still-42")
    assert await foreign_markup(page) == []
