"""A terminal that one comes back to: full-screen programs, a flood above which one reads, an older machine."""

import re

from playwright.async_api import Locator, Page, expect

from tests.browser.desk import Desk
from tests.browser.steps import another_shell, open_shell, panel, terminal, type_in_terminal
from tests.support.waiting import eventually


def row(page: Page, text: str) -> Locator:
    """A whole line of the screen."""
    return terminal(page).locator(".xterm-rows > div", has_text=re.compile(rf"^{text}\s*$"))


async def rows(page: Page) -> list[str]:
    return [each.rstrip() for each in await terminal(page).locator(".xterm-rows > div").all_inner_texts()]


async def test_full_screen_programs_are_there_again_and_leave_what_was_before(page: Page, desk: Desk) -> None:
    _ = await open_shell(page, desk, "full")
    (desk.home / "full" / "poem").write_text("".join(f"verse {n}\n" for n in range(200)))
    await type_in_terminal(page, "clear; echo before-''them")
    await expect(terminal(page)).to_contain_text("before-them")
    for begin, shown, leave in (
        ("vim -u NONE -N poem", "verse 0", ":q!"),
        ("less poem", "verse 0", "q"),
    ):
        await type_in_terminal(page, begin)
        await expect(row(page, shown)).to_be_visible()
        await page.keyboard.press("Control+F")
        await expect(row(page, shown)).to_be_hidden()
        await expect(row(page, "verse 4[0-9]").first).to_be_visible()
        before = await rows(page)
        await page.reload()

        async def is_same(before: list[str] = before) -> bool:
            return await rows(page) == before

        await eventually(is_same, what=f"the screen of {begin} again")
        await type_in_terminal(page, leave)
        await expect(terminal(page)).to_contain_text("before-them")
        await expect(row(page, "verse 4[0-9]")).to_have_count(0)


async def test_a_flood_does_not_take_away_what_one_reads(page: Page, desk: Desk) -> None:
    _ = await open_shell(page, desk, "flood")
    await type_in_terminal(page, "clear; seq -f 'old %g' 300; echo above-''it")
    await expect(terminal(page)).to_contain_text("above-it")
    gate = desk.home / "gate"
    ending = "printf '\\033]0;is-over\\a'"
    await type_in_terminal(page, f"until test -e {gate}; do read -t 0.1 x; done; seq -f 'new %g' 5000; {ending}")
    await expect(row(page, "old 300")).to_be_visible()
    await page.keyboard.press("Shift+PageUp")
    await expect(row(page, "old 300")).to_have_count(0)
    before = await rows(page)
    assert "old 240" in before
    gate.touch()
    await expect(panel(page).get_by_title("is-over")).to_be_visible()
    assert await rows(page) == before
    await type_in_terminal(page, "echo at-the-''end")
    await expect(row(page, "at-the-end")).to_be_visible()


OLDER = """
const send = WebSocket.prototype.send;
window.asked = [];
WebSocket.prototype.send = function (message) {
  const { id, method } = typeof message === "string" ? JSON.parse(message) : {};
  window.asked.push(method);
  if (method !== "terminal.watch") return send.call(this, message);
  const data = { code: "unsupported", detail: "This machine is older.", retryable: false };
  const answer = JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32000, message: data.detail, data } });
  queueMicrotask(() => this.dispatchEvent(new MessageEvent("message", { data: answer })));
};
"""
"""A machine of the version before its terminals could be watched, as the page meets it."""


async def test_a_machine_that_cannot_tell_of_its_terminals_is_asked(page: Page, desk: Desk) -> None:
    await page.add_init_script(OLDER)
    _ = await open_shell(page, desk, "older")
    await type_in_terminal(page, "echo still-''here")
    await expect(terminal(page)).to_contain_text("still-here")
    await expect(panel(page).get_by_role("alert")).to_have_count(0)
    await panel(page).get_by_role("button", name="Start another shell").click()
    await expect(panel(page).get_by_role("tablist", name="Terminals").get_by_role("tab")).to_have_count(2)
    assert {"terminal.watch", "terminal.list"} <= set(await page.evaluate("asked"))


async def test_a_terminal_that_is_not_shown_paints_nothing(page: Page, desk: Desk) -> None:
    _ = await open_shell(page, desk, "hidden")
    gate = desk.home / "hidden-gate"
    flood = "seq 50000; printf '\\a'"
    await type_in_terminal(page, f"until test -e {gate}; do read -t 0.1 x; done; {flood}")
    await another_shell(page)
    await type_in_terminal(page, "echo in-''front")
    await expect(terminal(page)).to_contain_text("in-front")
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Performance.enable")

    async def layouts() -> int:
        all_metrics = (await devtools.send("Performance.getMetrics"))["metrics"]
        return sum(int(each["value"]) for each in all_metrics if each["name"] == "LayoutCount")

    before = await layouts()
    gate.touch()
    first = panel(page).get_by_role("tablist", name="Terminals").get_by_role("tab").first
    await expect(first).to_have_accessible_name(re.compile("The bell has rung$"))
    hidden = await layouts() - before
    before = await layouts()
    await type_in_terminal(page, f"{flood}; echo is-''over")
    await expect(terminal(page)).to_contain_text("is-over")
    assert hidden < (await layouts() - before) / 2
    # Browsers keep 16 contexts that draw by themselves: terminals are drawn without.
    assert await page.locator("canvas").count() == 0


WAITS_FOR_EVER = """
const later = window.setTimeout.bind(window);
window.setTimeout = (act, ms, ...more) => (window.isWaiting && ms >= 300 ? 0 : later(act, ms, ...more));
"""
"""No attempt that is due some time later is made any more."""


async def test_a_machine_that_is_back_is_dialled_at_once_however_long_the_page_would_wait(
    page: Page, desk: Desk
) -> None:
    await page.add_init_script(WAITS_FOR_EVER)
    _ = await open_shell(page, desk, "back")
    await type_in_terminal(page, "echo be''fore")
    await expect(terminal(page)).to_contain_text("before")
    await page.evaluate("window.isWaiting = true")
    desk.kill_node()
    lost = terminal(page).locator(".dimmed")
    await expect(lost).to_have_count(1)
    await desk.await_node()
    await expect(lost).to_have_count(0)
    await page.evaluate("window.isWaiting = false")
    await type_in_terminal(page, "echo af''ter")
    await expect(terminal(page)).to_contain_text("after")
