"""The first quarter of an hour with Switchyard, at a desk and on a phone."""

import re
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from tests.browser.desk import Desk, running_desk, window
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
    tab,
    terminal,
    type_in_terminal,
)

TEXT = "The first line.\nÄnderung für später ✓\n"


async def start_session(page: Page, folder: Path) -> None:
    """Choose the folder and the agent, say what should be done."""
    await page.get_by_role("link", name="New session").click()
    await choose_folder(page, folder)
    await expect(page.get_by_role("button", name="Claude", exact=False).first).to_be_visible()
    prompt = page.get_by_label("What should be done?")
    await prompt.fill(f"chunks 5\nwrite {folder}/story.txt " + TEXT.replace("\n", "\\n") + "\nsay Written.")
    await page.get_by_role("button", name="Start", exact=True).click()


async def allow_the_write(page: Page, folder: Path) -> None:
    """Nothing is written before it is allowed."""
    await expect(log(page)).to_contain_text("chunk 5")
    await expect(ask(page)).to_contain_text("Änderung für später ✓")
    assert not (folder / "story.txt").exists()
    await answer(page, "Allow once")
    await expect(said(page, "Written.")).to_be_visible()
    assert (folder / "story.txt").read_text() == TEXT
    await expect(log(page).get_by_role("group", name="story.txt")).to_contain_text("Änderung für später ✓")


async def edit_the_file(page: Page, folder: Path) -> None:
    """See the change, open the file, add a line."""
    await page.keyboard.press("Control+Shift+G")
    await expect(panel(page)).to_contain_text("story.txt")
    await tab(page, "Files")
    await panel(page).get_by_role("button", name=re.compile(r"^story\.txt")).click()
    editor = panel(page).get_by_role("textbox", name=re.compile("story.txt on"))
    await expect(editor).to_contain_text("Änderung für später ✓")
    await editor.press("Control+End")
    await page.keyboard.type("A line of my own: ß")
    await expect(panel(page).get_by_role("status")).to_have_text("not saved")
    await panel(page).get_by_role("button", name="Save").click()
    await expect(panel(page).get_by_role("status")).to_contain_text("Saved")
    assert (folder / "story.txt").read_text() == TEXT + "A line of my own: ß"


async def open_a_terminal(page: Page, folder: Path) -> None:
    """In the same folder."""
    await tab(page, "Terminal")
    await panel(page).get_by_role("button", name="Start a shell").click()
    await type_in_terminal(page, "pwd && printf 'grün \\u2713 %s\\n' done")
    await expect(terminal(page)).to_contain_text("grün ✓ done")
    await expect(terminal(page)).to_contain_text(folder.name)


async def reload_in_mid_turn(page: Page, desk: Desk) -> None:
    """Nothing is lost, nothing is doubled, the terminal is still there."""
    await send(page, "slow 30 0.1\nsay The end.")
    await expect(log(page)).to_contain_text("chunk 3 ")
    await page.reload()
    await expect(log(page)).to_contain_text("chunk 3 ")
    await expect(said(page, "The end.")).to_be_visible()
    session = page.url.split("/s/")[1].split("?")[0]
    await expect_log_as_journalled(page, await desk.events(session))
    await expect(terminal(page)).to_contain_text("grün ✓ done")
    await type_in_terminal(page, "echo still $((40 + 2))")
    await expect(terminal(page)).to_contain_text("still 42")


async def test_the_newcomer_at_a_desk(browser: Browser, tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk, window(browser) as (context, _):
        folder = desk.repository().path
        page = await context.new_page()
        await sign_up(page, desk.url)
        await desk.client.login()
        await desk.await_node()
        await start_session(page, folder)
        await allow_the_write(page, folder)
        await edit_the_file(page, folder)
        await open_a_terminal(page, folder)
        await reload_in_mid_turn(page, desk)
