"""The first quarter of an hour on a phone: one part of the page at a time, by touch."""

import re
from pathlib import Path

from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.desk import PHONE, Desk, running_desk, window
from tests.browser.measures import small_targets
from tests.browser.steps import (
    answer,
    ask,
    choose_folder,
    expect_log_as_journalled,
    log,
    panel,
    said,
    send,
    sign_up,
    terminal,
)

KEYS = ("Esc", "Tab", "Ctrl", "Alt", "Left", "Down", "Up", "Right", "Paste")


def bar(page: Page) -> Locator:
    return page.get_by_role("navigation", name="More")


async def show(page: Page, part: str) -> None:
    """One part of the session, by the head that is there for it."""
    await page.get_by_role("group", name="Part of the session").get_by_text(part, exact=True).tap()


async def start_and_allow(page: Page, folder: Path) -> None:
    """The empty list says where to begin; the buttons of the ask are as large as a finger."""
    await expect(page.get_by_text("Nothing has been started yet.")).to_be_visible()
    await page.get_by_role("link", name="Start a session").tap()
    await choose_folder(page, folder)
    await page.get_by_label("What should be done?").fill(f"chunks 5\nwrite {folder}/pocket.txt small\nsay Written.")
    await page.get_by_role("button", name="Start", exact=True).tap()
    await expect(log(page)).to_contain_text("chunk 5")
    await expect(ask(page)).to_contain_text("small")
    assert await small_targets(ask(page).get_by_role("button")) == []
    await answer(page, "Allow once")
    await expect(said(page, "Written.")).to_be_visible()
    assert (folder / "pocket.txt").read_text().strip() == "small"


async def look_at_the_file(page: Page) -> None:
    """By the head of the session."""
    await show(page, "Changes")
    await expect(panel(page)).to_contain_text("pocket.txt")
    await show(page, "Files")
    await panel(page).get_by_role("button", name=re.compile(r"^pocket\.txt")).tap()
    await expect(panel(page).get_by_role("textbox", name=re.compile("pocket.txt on"))).to_contain_text("small")


async def use_terminal(page: Page, folder: Path) -> None:
    """With the keys that a phone does not have."""
    await show(page, "Terminal")
    await panel(page).get_by_role("button", name="Start a shell").tap()
    keys = terminal(page).get_by_role("toolbar", name="Terminal keys")
    for name in KEYS:
        await expect(keys.get_by_role("button", name=name, exact=True)).to_be_visible()
    assert await small_targets(keys.get_by_role("button")) == []
    await terminal(page).get_by_role("textbox", name="Terminal input").focus()
    await page.keyboard.type("cat > /dev/null; echo left $?")
    await page.keyboard.press("Enter")
    await keys.get_by_role("button", name="Ctrl", exact=True).tap()
    await page.keyboard.type("c")
    await page.keyboard.type("pwd")
    await page.keyboard.press("Enter")
    await expect(terminal(page)).to_contain_text(folder.name)


async def reload_in_mid_turn(page: Page, desk: Desk) -> None:
    """Nothing is lost, nothing is doubled."""
    await show(page, "Log")
    await send(page, "slow 20 0.1\nsay The end.")
    await expect(log(page)).to_contain_text("chunk 3 ")
    await page.reload()
    await expect(said(page, "The end.")).to_be_visible()
    session = page.url.split("/s/")[1].split("?")[0]
    await expect_log_as_journalled(page, await desk.events(session))


async def go_up(page: Page, folder: Path) -> None:
    """Back leads up the tree, the bar to its ends."""
    await page.get_by_role("link", name="Back").tap()
    await expect(page.get_by_role("heading", name=folder.name, level=1)).to_be_visible()
    await page.get_by_role("link", name="Back").tap()
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await bar(page).get_by_role("link", name="Sessions").tap()
    await expect(page.get_by_role("heading", name="Sessions", level=1)).to_be_visible()


async def test_the_newcomer_on_a_phone(browser: Browser, tmp_path: Path) -> None:
    async with (
        running_desk(tmp_path) as desk,
        window(browser, viewport=PHONE, has_touch=True, is_mobile=True) as (context, _),
    ):
        folder = desk.repository().path
        page = await context.new_page()
        await sign_up(page, desk.url)
        await desk.client.login()
        await desk.await_node()
        for name in ("Needs you", "Sessions", "Work", "More"):
            await expect(bar(page).get_by_role("link", name=name)).to_be_visible()
        await start_and_allow(page, folder)
        await look_at_the_file(page)
        await use_terminal(page, folder)
        await reload_in_mid_turn(page, desk)
        await go_up(page, folder)
