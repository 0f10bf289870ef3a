"""The main path without a pointer, every stop of the focus in sight."""

import re
from pathlib import Path

from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.desk import NAME, PASSWORD, Desk, window
from tests.browser.measures import focus
from tests.browser.steps import ask, log, panel, prompt_field, said, terminal

MOST_STOPS = 60


async def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus. Whatever has it on the way can be seen to have it."""
    await expect(target).to_be_visible()
    for _ in range(MOST_STOPS):
        if await target.evaluate("(element) => element === document.activeElement"):
            return
        await page.keyboard.press("Tab")
        stop = await focus(page)
        assert stop is None or stop["isVisible"], f"no sign of the focus on {stop['what']}"
    raise AssertionError(f"Tab does not reach {target}")


async def region_with_focus(page: Page) -> str | None:
    """Which part of the page has the focus, by the name that F6 knows it by."""
    found = await page.evaluate("document.activeElement?.closest('[data-region]')?.dataset.region ?? null")
    return None if found is None else str(found)


async def sign_in(page: Page, desk: Desk) -> None:
    """The field for the name has the focus from the start."""
    await page.goto(desk.url)
    await expect(page.get_by_label("Name", exact=True)).to_be_focused()
    await page.keyboard.type(NAME)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("treeitem", name=re.compile("keys"))).to_be_visible()


async def start_session(page: Page) -> None:
    """From anywhere to a running session of the scripted agent in the folder `keys`."""
    await page.keyboard.press("Control+k")
    await page.get_by_role("combobox", name="Go to").press_sequentially("keys")
    await expect(page.get_by_role("option", selected=True)).to_contain_text("keys")
    await page.keyboard.press("Enter")
    await tab_to(page, page.get_by_role("link", name="Start a session here"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("What should be done?")).to_be_focused()
    await tab_to(page, page.get_by_role("button", name="Claude Code"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menuitemradio", name=re.compile("Claude Code"))).to_be_focused()
    await page.keyboard.press("s")
    await expect(page.get_by_role("menuitemradio", name=re.compile("Scripted"))).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Shift+Tab")
    await tab_to(page, page.get_by_label("What should be done?"))
    await page.keyboard.type("write")
    await page.keyboard.press("Enter")


async def allow_the_write(page: Page, folder: Path) -> None:
    """The letter acts while the ask has the focus."""
    card = ask(page).get_by_role("group", name="Write note.txt")
    await tab_to(page, card)
    while await card.is_visible():
        await page.keyboard.press("a")
    await expect(said(page, "Noted.")).to_be_visible()
    assert (folder / "note.txt").read_text() == "one\ntwo\n"


async def review(page: Page, folder: Path) -> None:
    """Read the difference, then change a file."""
    await page.keyboard.press("Control+Shift+G")
    await tab_to(page, panel(page).get_by_role("button", name=re.compile("note.txt new$")))
    await page.keyboard.press("Enter")
    await expect(panel(page)).to_contain_text("two")
    await tab_to(page, panel(page).get_by_role("tab", name="Changes"))
    await page.keyboard.press("ArrowRight")
    await tab_to(page, panel(page).get_by_role("button", name=re.compile("^greet.py")))
    await page.keyboard.press("Enter")
    editor = panel(page).get_by_role("textbox", name=re.compile("greet.py on"))
    await tab_to(page, editor)
    await page.keyboard.press("Control+Home")
    await page.keyboard.type("# by hand ")
    await page.keyboard.press("Control+s")
    await expect(panel(page).get_by_role("status")).to_contain_text("Saved")
    assert (folder / "greet.py").read_text().startswith("# by hand def greet")
    await page.keyboard.press("Tab")
    await expect(editor).not_to_be_focused()


async def use_terminal(page: Page) -> None:
    """And leave it, by both ways."""
    await page.keyboard.press("Control+j")
    await tab_to(page, panel(page).get_by_role("button", name="Start a shell"))
    await page.keyboard.press("Enter")
    screen = terminal(page).get_by_role("textbox", name="Terminal input")
    await expect(screen).to_be_focused()
    await page.keyboard.type("echo $((6 * 7))")
    await page.keyboard.press("Enter")
    await expect(terminal(page)).to_contain_text("42")
    await page.keyboard.press("F6")
    await expect(screen).not_to_be_focused()
    assert await region_with_focus(page) == "sidebar"
    await page.keyboard.press("Shift+F6")
    await tab_to(page, screen)
    await page.keyboard.press("Control+Shift+Escape")
    await expect(screen).not_to_be_focused()
    assert await region_with_focus(page) == "panel"


async def test_from_sign_in_to_the_terminal_and_out(browser: Browser, desk: Desk) -> None:
    folder = desk.repository("keys").path
    await desk.client.op("projects.pin", node=desk.node, path=str(folder), pinned=True)
    async with window(browser) as (context, _):
        page = await context.new_page()
        await sign_in(page, desk)
        await start_session(page)
        await allow_the_write(page, folder)
        await review(page, folder)
        await use_terminal(page)


async def test_f6_goes_round_the_parts_of_a_session(page: Page, desk: Desk) -> None:
    session = await desk.session(desk.repository("round").path, "scripted")
    await desk.send(session, "greet")
    await page.goto(desk.page_of(session, "changes"))
    await expect(said(page, "Good morning.")).to_be_visible()
    seen = []
    for _ in range(4):
        await page.keyboard.press("F6")
        seen.append(await region_with_focus(page))
        stop = await focus(page)
        assert stop is not None
        assert stop["isVisible"], stop
    assert sorted(map(str, seen)) == ["composer", "log", "panel", "sidebar"]


async def test_letters_are_keys_only_outside_of_text(page: Page, desk: Desk) -> None:
    session = await desk.session(desk.repository("letters").path, "scripted")
    await desk.send(session, "write")
    await page.goto(desk.page_of(session))
    await expect(ask(page)).to_be_visible()
    await log(page).focus()
    await page.keyboard.press("a")
    await page.keyboard.press("d")
    await expect(ask(page)).to_be_visible()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keys").get_by_role("heading", name="Keys")).to_be_in_viewport()
    await page.keyboard.press("Escape")
    await page.keyboard.press("g")
    await page.keyboard.press("n")
    await expect(page.get_by_role("heading", name="Needs you", level=1)).to_be_visible()
    await desk.client.op("session.interrupt", node=desk.node, session=session)
    await page.goto(desk.page_of(session))
    await expect(prompt_field(page)).to_be_visible()
    await page.keyboard.press("i")
    await expect(prompt_field(page)).to_be_focused()
    await page.keyboard.type("a?gn")
    await expect(prompt_field(page)).to_have_value("a?gn")
    await page.keyboard.press("Escape")
    await expect(prompt_field(page)).not_to_be_focused()
