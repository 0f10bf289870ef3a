"""What one looks at in a terminal is in sight: the cursor, the last row, the chosen tab."""

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.desk import PASSWORD, PHONE, Desk, window
from tests.browser.steps import open_shell, panel, sign_in, terminal, type_in_terminal
from tests.support.waiting import eventually


async def edges(place: Locator) -> tuple[float, float]:
    """Upper and lower edge, in pixels of the window."""
    box = await place.bounding_box()
    assert box is not None
    return box["y"], box["y"] + box["height"]


async def expect_above(what: Locator, strip: Locator, page: Page) -> None:
    """All of `what` is in the terminal's room, and no strip covers it."""

    async def is_seen() -> bool:
        (top, bottom), (limit, _) = await edges(what), await edges(strip)
        (room, end) = await edges(terminal(page))
        return room <= top and bottom <= min(limit, end) + 1

    await eventually(is_seen, what="a row above the strip")


async def fill(page: Page) -> None:
    """Every row is written on; the last is the prompt."""
    await type_in_terminal(page, "clear; seq 200; echo THE-''END")
    await expect(terminal(page)).to_contain_text("THE-END")


async def test_on_a_phone_the_cursor_of_a_larger_window_is_in_sight(page: Page, browser: Browser, desk: Desk) -> None:
    session = await open_shell(page, desk, "larger")
    await fill(page)
    async with window(browser, desk, PHONE, has_touch=True, is_mobile=True) as (context, _):
        phone = await context.new_page()
        await phone.goto(desk.page_of(session, "terminal"))
        strip = terminal(phone).get_by_role("status").filter(has_text="Sized by another window")
        await expect(strip).to_be_visible()
        screen = terminal(phone).locator(".xterm-screen")
        (top, bottom), (above, _), (limit, _) = [await edges(each) for each in (screen, terminal(phone), strip)]
        assert bottom - top > limit - above, "the screen fits, so nothing is to be followed"
        cursor = terminal(phone).locator(".xterm-cursor")
        await expect_above(cursor, strip, phone)
        await type_in_terminal(page, "clear")
        await expect(terminal(phone)).not_to_contain_text("THE-END")
        await expect_above(cursor, strip, phone)
        await fill(page)
        await expect(terminal(phone)).to_contain_text("THE-END")
        await expect_above(cursor, strip, phone)


async def test_who_may_only_look_sees_the_last_row(page: Page, browser: Browser, desk: Desk) -> None:
    _ = await open_shell(page, desk, "looked-at")
    await fill(page)
    grants = [{"node": "*", "role": "viewer"}]
    made = await desk.client.op("users.create", username="vic", password=PASSWORD, role="viewer", grants=grants)
    async with window(browser) as (context, _):
        theirs = await context.new_page()
        await sign_in(theirs, desk.url, "vic")
        await expect(theirs.get_by_role("tree")).to_be_visible()
        await theirs.goto(page.url)
        strip = terminal(theirs).get_by_role("status").filter(has_text="You may look, not type.")
        await expect(strip).to_be_visible()
        await expect(terminal(theirs)).to_contain_text("THE-END")
        await expect_above(terminal(theirs).locator(".xterm-rows > div").last, strip, theirs)
    _ = await desk.client.op("users.remove", user=made["user"]["id"])


@pytest.mark.parametrize("at", [0, -1], ids=["first", "last"])
async def test_after_a_reload_the_chosen_tab_is_in_sight(browser: Browser, desk: Desk, at: int) -> None:
    folder = desk.repository(f"tabs{at}").path
    session = await desk.session(folder, "scripted")
    for number in range(6):
        params = {"node": desk.node, "path": str(folder), "cols": 80, "rows": 24}
        await desk.client.op("terminal.open", name=f"shell number {number}", **params)
    async with window(browser, desk, PHONE, has_touch=True, is_mobile=True) as (context, _):
        page = await context.new_page()
        await page.goto(desk.page_of(session, "terminal"))
        tabs = panel(page).get_by_role("tablist", name="Terminals")
        await expect(tabs.get_by_role("tab")).to_have_count(6)
        assert await tabs.evaluate("(list) => list.scrollWidth > list.clientWidth"), "all tabs fit"
        chosen = tabs.get_by_role("tab").nth(at)
        await chosen.tap()
        await expect(chosen).to_have_attribute("aria-selected", "true")
        await page.reload()
        await expect(chosen).to_have_attribute("aria-selected", "true")

        async def is_seen() -> bool:
            room, tab = await tabs.bounding_box(), await chosen.bounding_box()
            if room is None or tab is None:
                return False
            return room["x"] - 1 <= tab["x"] and tab["x"] + tab["width"] <= room["x"] + room["width"] + 1

        await eventually(is_seen, what="the chosen tab")
