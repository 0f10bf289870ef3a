"""What stands in a terminal: found, copied, and gone through by commands."""

from playwright.async_api import Locator, Page, expect

from tests.browser.desk import Desk
from tests.browser.measures import axe_violations
from tests.browser.steps import MARKING, act_on_terminal, open_shell, terminal, type_in_terminal
from tests.support.waiting import eventually


def search(page: Page) -> Locator:
    return terminal(page).get_by_role("search")


async def copied(page: Page, text: str) -> bool:
    """Whether the clipboard holds exactly that."""
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    return bool(await page.evaluate("navigator.clipboard.readText()") == text)


async def test_search_counts_and_goes_up_and_down(page: Page, desk: Desk) -> None:
    _ = await open_shell(page, desk, "search")
    await type_in_terminal(page, "clear; for n in $(seq 200); do echo Row-$n; done")
    await expect(terminal(page)).to_contain_text("Row-200")
    await page.keyboard.press("Control+Shift+F")
    field = search(page).get_by_role("textbox", name="Search for")
    await expect(field).to_be_focused()
    await field.fill("row-1")
    told = search(page).get_by_role("status")
    await expect(told).to_have_text("111 of 111")
    await page.keyboard.press("Enter")
    await expect(told).to_have_text("110 of 111")
    await page.keyboard.press("Shift+Enter")
    await expect(told).to_have_text("111 of 111")
    await search(page).get_by_role("button", name="Upper and lower case differ").click()
    await expect(told).to_have_text("Nothing found")
    await field.fill("Row-1.$")
    await search(page).get_by_role("button", name="Regular expression").click()
    await expect(told).to_have_text("10 of 10")
    await field.fill("(")
    await expect(told).to_have_text("This is no pattern yet.")
    assert await axe_violations(page) == []
    await field.press("Escape")
    await expect(search(page)).to_be_hidden()
    await expect(terminal(page).get_by_role("textbox", name="Terminal input")).to_be_focused()


async def test_a_pattern_takes_a_wrapped_line_as_one_and_marks_follow_the_theme(page: Page, desk: Desk) -> None:
    _ = await open_shell(page, desk, "patterns")
    await type_in_terminal(page, "clear; for n in 1 2 3; do printf 'Long-%0400d-end\\n' $n; done")
    await expect(terminal(page)).to_contain_text("3-end")
    await page.keyboard.press("Control+Shift+F")
    field = search(page).get_by_role("textbox", name="Search for")
    await search(page).get_by_role("button", name="Regular expression").click()
    told = search(page).get_by_role("status")
    await field.fill("^0+")
    await expect(told).to_have_text("Nothing found")
    await field.fill("^Long-0*[123]-end$")
    await expect(told).to_have_text("3 of 3")
    for at in (2, 1, 3):
        await field.press("Enter")
        await expect(told).to_have_text(f"{at} of 3")
    await field.press("Shift+Enter")
    await expect(told).to_have_text("1 of 3")
    marks = terminal(page).locator(".xterm-decoration")
    colours = "(all) => [...new Set(all.map((one) => one.style.outlineColor))]"
    before = await marks.evaluate_all(colours)
    assert len(before) == 2, "the one that is chosen differs"
    await page.emulate_media(color_scheme="dark")

    async def is_repainted() -> bool:
        now = await marks.evaluate_all(colours)
        return len(now) == 2 and set(now).isdisjoint(before)

    await eventually(is_repainted, what="marks in the colours of the other theme")


async def test_what_the_browser_refuses_to_copy_is_given_to_copy_by_hand(page: Page, desk: Desk) -> None:
    await page.add_init_script("""
        Clipboard.prototype.writeText = () => Promise.reject(new DOMException("No.", "NotAllowedError"));
        document.execCommand = () => false;
    """)
    _ = await open_shell(page, desk, "refused")
    await type_in_terminal(page, "clear; echo to-be-''copied; printf '\\033]52;c;%s\\a' $(printf from-it | base64)")
    await expect(terminal(page)).to_contain_text("to-be-copied")
    dialog = page.get_by_role("dialog", name="Copy it by hand")
    given = dialog.get_by_role("textbox", name="Text to copy")
    selected = "(field) => field.value.slice(field.selectionStart, field.selectionEnd)"
    await terminal(page).get_by_role("button", name="Allow once").click()
    await expect(given).to_be_focused()
    assert await given.evaluate(selected) == "from-it"
    assert await axe_violations(page) == []
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    row = await terminal(page).locator(".xterm-rows > div", has_text="to-be-copied").last.bounding_box()
    assert row is not None
    await page.mouse.click(row["x"] + 40, row["y"] + 5, click_count=3)
    await page.keyboard.press("Control+Shift+C")
    await expect(given).to_have_value("to-be-copied")
    await dialog.get_by_role("button", name="Close").click()
    await expect(terminal(page).get_by_role("textbox", name="Terminal input")).to_be_focused()


async def test_a_wrapped_line_is_copied_as_one_and_colours_are_what_the_program_says(page: Page, desk: Desk) -> None:
    _ = await open_shell(page, desk, "copy")
    long = " ".join(str(number) for number in range(100))
    await type_in_terminal(page, "clear; seq -s ' ' 0 99; printf '\\033[38;2;150;30;20mred-text\\033[0m\\n'")
    await expect(terminal(page)).to_contain_text("red-text")
    coloured = terminal(page).locator(".xterm-rows span", has_text="red-text").last
    await expect(coloured).to_have_css("color", "rgb(150, 30, 20)")
    await act_on_terminal(page, "Text of the terminal")
    await expect(terminal(page).get_by_role("region", name="Text of the terminal")).to_contain_text(long)
    assert await axe_violations(page) == []
    await page.keyboard.press("Escape")
    row = await terminal(page).locator(".xterm-rows > div", has_text="0 1 2 3").first.bounding_box()
    assert row is not None
    await page.mouse.click(row["x"] + 40, row["y"] + 5, click_count=3)
    await page.keyboard.press("Control+Shift+C")
    await eventually(lambda: copied(page, long), what="the wrapped line on the clipboard")


async def test_commands_are_gone_through_where_the_shell_tells_of_them(page: Page, desk: Desk) -> None:
    _ = await open_shell(page, desk, "marks")
    (desk.home / "marking").write_text(MARKING)
    await type_in_terminal(page, ". ~/marking; clear")
    await type_in_terminal(page, "printf 'one\\ntwo\\n'")
    await type_in_terminal(page, "(exit 7)")
    await expect(terminal(page).get_by_role("img", name="Failed with exit code 7")).to_be_visible()
    await type_in_terminal(page, "seq 300; echo THE-''END")
    await expect(terminal(page)).to_contain_text("THE-END")
    for _ in range(3):
        await page.keyboard.press("Control+Shift+ArrowUp")
    await expect(terminal(page)).to_contain_text("printf")
    await expect(terminal(page)).not_to_contain_text("THE-END")
    await act_on_terminal(page, "Select its output")
    await terminal(page).get_by_role("textbox", name="Terminal input").focus()
    await page.keyboard.press("Control+Shift+C")
    await eventually(lambda: copied(page, "one\ntwo"), what="the output on the clipboard")
    for _ in range(3):
        await page.keyboard.press("Control+Shift+ArrowDown")
    await expect(terminal(page)).to_contain_text("THE-END")
