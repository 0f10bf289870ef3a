"""Terminals at a desk: what is kept, found, copied and pasted, and what is said when something ends."""

import os
import re

from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.desk import Desk, window
from tests.browser.measures import axe_violations
from tests.browser.steps import (
    MARKING,
    act_on_terminal,
    another_shell,
    open_shell,
    panel,
    prompt_field,
    terminal,
    type_in_terminal,
)
from tests.support.waiting import eventually


async def paste(page: Page, text: str) -> None:
    """What a browser does at Ctrl+V."""
    field = terminal(page).get_by_role("textbox", name="Terminal input")
    await field.evaluate(
        """(element, text) => {
          const clipboardData = new DataTransfer();
          clipboardData.setData("text/plain", text);
          element.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
        }""",
        text,
    )


def tabs(page: Page) -> Locator:
    return panel(page).get_by_role("tablist", name="Terminals").get_by_role("tab")


async def test_a_program_that_has_ended_says_how_and_starts_again_in_its_place(page: Page, desk: Desk) -> None:
    _ = await open_shell(page, desk, "ending")
    await type_in_terminal(page, "echo kept $((40 + 2)); exit 3")
    await expect(terminal(page).get_by_role("status")).to_contain_text("The program has ended with exit code 3.")
    await expect(tabs(page)).to_have_accessible_name(re.compile("^bash.*, Ended with exit code 3$"))
    for cursor in await terminal(page).locator(".xterm-cursor").all():
        await expect(cursor).to_have_css("outline-style", "none")
        await expect(cursor).to_have_css("background-color", "rgba(0, 0, 0, 0)")
    await terminal(page).get_by_role("button", name="Start again").click()
    await expect(tabs(page)).to_have_accessible_name(re.compile("^bash[ 0-9]*$"))
    await type_in_terminal(page, "echo anew $((40 + 2)); kill -KILL $$")
    await expect(terminal(page)).to_contain_text("anew 42")
    await expect(terminal(page)).to_contain_text("kept 42")
    await expect(terminal(page).get_by_role("status")).to_contain_text("ended by SIGKILL")
    await act_on_terminal(page, "Close the terminal")
    await expect(panel(page).get_by_role("button", name="Start a shell")).to_be_visible()


async def test_a_terminal_has_an_address(page: Page, desk: Desk) -> None:
    _ = await open_shell(page, desk, "address")
    await type_in_terminal(page, "echo first-''one")
    await expect(page).to_have_url(re.compile("[?]panel=terminal&terminal=[^&]+$"))
    first = page.url
    await another_shell(page)
    await expect(page).not_to_have_url(first)
    second = page.url
    await type_in_terminal(page, "echo second-''one")
    await tabs(page).first.click()
    await expect(page).to_have_url(first)
    await page.reload()
    await expect(terminal(page)).to_contain_text("first-one")
    await panel(page).get_by_role("tab", name="Files", exact=True).click()
    await expect(page).to_have_url(re.compile("[?]panel=files$"))
    await page.goto(second)
    await expect(terminal(page)).to_contain_text("second-one")
    await page.goto(f"{desk.url}/needs")
    await page.go_back()
    await expect(terminal(page)).to_contain_text("second-one")
    await act_on_terminal(page, "Close the terminal")
    await page.get_by_role("dialog").get_by_role("button", name="Close the terminal").click()
    await expect(page).to_have_url(first)
    await page.goto(second)
    await expect(panel(page).get_by_text("The terminal of this address is closed.")).to_be_visible()
    await expect(panel(page).get_by_role("alert")).to_have_count(0)
    await expect(terminal(page)).to_have_count(0)
    await tabs(page).first.click()
    await expect(terminal(page)).to_contain_text("first-one")
    await expect(page).to_have_url(first)


async def test_a_tab_that_is_not_shown_tells_quietly_of_what_has_ended_there(page: Page, desk: Desk) -> None:
    _ = await open_shell(page, desk, "news")
    (desk.home / "marking").write_text(MARKING)
    os.mkfifo(desk.home / "first")
    await type_in_terminal(page, ". ~/marking; clear")
    await type_in_terminal(page, "clear; echo waits-''now; read x < ~/first; (exit 4)")
    await expect(terminal(page)).to_contain_text("waits-now")
    await expect(tabs(page)).to_have_accessible_name(re.compile("^bash[ 0-9]*$"))
    await another_shell(page)
    await type_in_terminal(page, "echo go > ~/first; echo second-''shell")
    await expect(terminal(page)).to_contain_text("second-shell")
    told = re.compile("^bash[ 0-9]*, A command has failed with exit code 4$")
    await expect(tabs(page).first).to_have_accessible_name(told)
    await expect(tabs(page).last).to_have_accessible_name(re.compile("^bash[ 0-9]*$"))
    assert await axe_violations(page) == []
    await tabs(page).first.click()
    await expect(tabs(page).first).to_have_accessible_name(re.compile("^bash[ 0-9]*$"))
    await type_in_terminal(page, "clear; read x < ~/first; printf '\\a'; read x < ~/first")
    await tabs(page).last.click()
    await type_in_terminal(page, "echo go > ~/first")
    await expect(tabs(page).first).to_have_accessible_name(re.compile(", The bell has rung$"))


async def test_two_windows_show_the_same_terminals(page: Page, desk: Desk, browser: Browser) -> None:
    session = await open_shell(page, desk, "same")
    async with window(browser, desk) as (context, _):
        other = await context.new_page()
        await other.goto(desk.page_of(session, "terminal"))
        await expect(tabs(other)).to_have_count(1)
        await expect(panel(page).get_by_text("2 windows show it")).to_be_visible()
        await panel(page).get_by_role("button", name="Start another shell").click()
        await expect(tabs(other)).to_have_count(2)
        await act_on_terminal(page, "Rename")
        await page.get_by_label("Name", exact=True).fill("logs")
        await page.get_by_role("button", name="Rename").click()
        await expect(tabs(other).get_by_text("logs")).to_be_visible()
        await act_on_terminal(page, "Close the terminal")
        await page.get_by_role("dialog", name="Close logs?").get_by_role("button", name="Close the terminal").click()
        await expect(tabs(other)).to_have_count(1)
    await expect(panel(page).get_by_text("windows show it")).to_be_hidden()


async def test_lines_that_would_run_at_once_are_asked_for(page: Page, desk: Desk) -> None:
    _ = await open_shell(page, desk, "paste")
    await type_in_terminal(page, "clear; stty -echo; bind 'set enable-bracketed-paste off'; cat")
    dialog = page.get_by_role("dialog", name="Paste 2 lines?")
    await eventually(lambda: desk_is_plain(page, dialog), what="a paste into a program without bracketed paste")
    await expect(dialog).to_contain_text("first")
    await dialog.get_by_role("button", name="Paste as one line").click()
    await expect(terminal(page).get_by_role("textbox", name="Terminal input")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(terminal(page)).to_contain_text("first second")
    await paste(page, "third\nfourth\n")
    await dialog.get_by_role("button", name="Paste", exact=True).click()
    await expect(terminal(page)).to_contain_text("fourth")
    await page.keyboard.press("Control+D")
    await type_in_terminal(page, "printf '\\033[?2004h'; cat -v")
    await type_in_terminal(page, "ready")
    await expect(terminal(page)).to_contain_text("ready")
    await paste(page, "fifth\x1b[201~sixth\n")
    await page.keyboard.press("Enter")
    await expect(terminal(page)).to_contain_text("^[[200~fifth[201~sixth")


async def desk_is_plain(page: Page, dialog: Locator) -> bool:
    """The shell switches bracketed paste off only when its next program runs."""
    await paste(page, "first\nsecond\n")
    return await dialog.is_visible()


async def test_read_aloud_and_forced_colours(page: Page, desk: Desk) -> None:
    _ = await open_shell(page, desk, "aloud")
    await page.emulate_media(forced_colors="active")
    (desk.home / "marking").write_text(MARKING)
    await type_in_terminal(page, ". ~/marking; clear")
    await type_in_terminal(page, "(exit 7)")
    sign = terminal(page).get_by_role("img", name="Failed with exit code 7")
    await expect(sign).to_have_css("color", "rgb(0, 0, 0)")
    await type_in_terminal(page, "clear; echo said $((40 + 2))")
    await panel(page).get_by_role("button", name="Acts on this terminal").click()
    await page.get_by_role("menuitemradio", name="Read output aloud").click()
    await expect(terminal(page).get_by_role("list").get_by_role("listitem").first).to_contain_text("said 42")
    assert await axe_violations(page) == []
    cursor = terminal(page).locator(".xterm-cursor").first
    screen = terminal(page).locator(".xterm-scrollable-element")
    colour = "(element) => getComputedStyle(element).backgroundColor"
    assert await cursor.evaluate(colour) != await screen.evaluate(colour)
    line = "(element) => getComputedStyle(element).borderBottomColor"
    chosen = await panel(page).get_by_role("tab", name="Terminal", exact=True).evaluate(line)
    assert chosen != await panel(page).get_by_role("tab", name="Files", exact=True).evaluate(line)
    mark = "(element) => getComputedStyle(element, '::before').borderLeftWidth"
    rows = page.get_by_role("tree", name="Machines, projects and sessions")
    assert await rows.get_by_role("treeitem", selected=True).evaluate(mark) == "4px"
    assert await rows.get_by_role("treeitem", selected=False).first.evaluate(mark) != "4px"


async def test_who_opens_an_empty_panel_by_its_key_goes_on_by_keys(page: Page, desk: Desk) -> None:
    session = await desk.session(desk.repository("by-keys").path, "scripted")
    await page.goto(desk.page_of(session))
    await prompt_field(page).click()
    await page.keyboard.press("Control+j")
    await expect(panel(page).get_by_role("button", name="Start a shell")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(terminal(page).get_by_role("textbox", name="Terminal input")).to_be_focused()
    await type_in_terminal(page, "echo by-''keys")
    await expect(terminal(page)).to_contain_text("by-keys")
    await page.keyboard.press("Control+Shift+Escape")
    await expect(page.locator(":focus-visible")).to_have_css("outline-offset", "-2px")


async def test_the_rest_of_a_word_whose_terminal_has_gone_runs_nothing(page: Page, desk: Desk) -> None:
    session = await open_shell(page, desk, "gone-word")
    field = terminal(page).get_by_role("textbox", name="Terminal input")
    await field.press_sequentially("ls; cl")
    await field.evaluate("element => element.blur()")
    await page.keyboard.type("clear?")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(f"/s/{session}"))
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.keyboard.press("Escape")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


async def test_a_machine_lists_all_its_terminals(page: Page, desk: Desk) -> None:
    _ = await open_shell(page, desk, "listed")
    await act_on_terminal(page, "Rename")
    await page.get_by_label("Name", exact=True).fill("from afar")
    await page.get_by_role("button", name="Rename").click()
    await page.goto(f"{desk.url}/m/{desk.node}")
    rows = page.get_by_role("region", name="Terminals").get_by_role("listitem")
    await expect(rows.filter(has_text="from afar")).to_contain_text("Running")
    await expect(page).to_have_url(re.compile("/m/"))
    await rows.get_by_role("link", name="from afar").click()
    await expect(page.get_by_role("tab", name="from afar")).to_have_attribute("aria-selected", "true")
    await type_in_terminal(page, "exit")
    await expect(terminal(page).get_by_role("status")).to_contain_text("exit code 0")
    await page.goto(f"{desk.url}/m/{desk.node}")
    await expect(rows.filter(has_text="from afar")).to_contain_text("Ended with exit code 0")
    await page.get_by_role("button", name="Close from afar").click()
    await expect(rows.filter(has_text="from afar")).to_be_hidden()


async def test_a_terminal_stands_below_the_changes(page: Page, desk: Desk) -> None:
    session = await open_shell(page, desk, "below")
    await page.goto(desk.page_of(session, "changes"))
    await panel(page).get_by_role("button", name="Terminal below").click()
    await expect(terminal(page)).to_be_visible()
    await expect(panel(page).get_by_text("Nothing differs")).to_be_visible()
    before = await terminal(page).evaluate("(element) => element.clientHeight")
    splitter = panel(page).get_by_role("separator", name="Height of the terminal below")
    await splitter.focus()
    for _ in range(3):
        await page.keyboard.press("ArrowUp")
    after = await terminal(page).evaluate("(element) => element.clientHeight")
    assert after == before + 48
    await page.reload()
    await expect(terminal(page)).to_be_visible()
    await panel(page).get_by_role("button", name="Terminal below").click()
    await expect(terminal(page)).to_be_hidden()
