"""What stands in a terminal: found, copied, and gone through by commands."""

from playwright.async_api import Locator, Page, expect

from tests.browser.desk import Desk
from tests.browser.measures import axe_violations
from tests.browser.steps import act_on_terminal, open_shell, terminal, type_in_terminal
from tests.support.waiting import eventually

MARKING = """PS0=$'\\e]133;C\\a'
PS1='\\[\\e]133;D;$?\\a\\e]133;A\\a\\]$ \\[\\e]133;B\\a\\]'
"""
"""A shell that tells where commands begin and end."""


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
    await expect(told).to_have_text("No valid pattern")
    assert await axe_violations(page) == []
    await field.press("Escape")
    await expect(search(page)).to_be_hidden()
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
