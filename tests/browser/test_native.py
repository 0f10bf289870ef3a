"""Sessions that an agent has by itself: found, read at once, continued under their id, hidden. With the real CLI."""

import json
import os
import re
from pathlib import Path

from playwright.async_api import Locator, Page, expect

from tests.browser.desk import Desk
from tests.browser.measures import axe_violations
from tests.browser.steps import log, prompt_field, said, send
from tests.support.waiting import eventually
from tests.system.test_api_session_native import in_a_terminal


async def left_behind(desk: Desk, folder: Path, text: str) -> str:
    """What somebody had in a terminal; its native id."""
    return await in_a_terminal(folder, dict(desk.environ), f"say {text}")


def natives(page: Page) -> Locator:
    return page.get_by_role("region", name="Also on this machine")


async def test_one_is_read_at_once_and_continued_under_its_id(page: Page, desk: Desk) -> None:
    folder = desk.repository("native").path
    native_id = await left_behind(desk, folder, "Made in a terminal.")
    await page.goto(f"{desk.url}/m/{desk.node}/p{folder}")
    row = natives(page).get_by_role("listitem")
    await expect(row).to_contain_text(re.compile("Made in a terminal.*1 turn", re.DOTALL))
    assert await axe_violations(page) == []
    await row.get_by_role("link").click()
    await expect(said(page, "Made in a terminal.")).to_be_visible()
    await expect(page.get_by_role("note")).to_contain_text("What you send continues it")
    assert await axe_violations(page) == []
    session = page.url.split("/s/")[1]
    await send(page, "say Continued on the page.", button="Continue this session")
    await expect(said(page, "Continued on the page.")).to_be_visible()
    await expect(said(page, "Made in a terminal.")).to_be_visible()
    await expect(page.get_by_role("note")).to_be_hidden()
    state = await desk.client.op("session.get", node=desk.node, session=session)
    assert state["native_id"] == native_id
    await page.goto(f"{desk.url}/m/{desk.node}/p{folder}")
    await expect(natives(page).get_by_text("No other session of an agent was found here.")).to_be_visible()


async def test_one_is_found_by_its_words_and_hidden_without_harm(page: Page, desk: Desk) -> None:
    folder = desk.repository("hidden").path
    native_id = await left_behind(desk, folder, "A needle in the hay.")
    await page.goto(f"{desk.url}/m/{desk.node}")
    await expect(natives(page).get_by_role("listitem").filter(has_text="A needle in the hay.")).to_be_visible()
    await page.keyboard.press("Control+k")
    await page.get_by_role("combobox", name="Go to").fill("needle")
    await page.get_by_role("option", name=re.compile("A needle in the hay")).click()
    await expect(log(page).get_by_role("heading")).to_have_text("say A needle in the hay.")
    await page.get_by_role("button", name="Acts on the session").click()
    await page.get_by_role("menuitem", name="Hide from this list").click()
    dialog = page.get_by_role("dialog", name="Hide this session from the list?")
    await expect(dialog).to_contain_text("the transcript stays")
    await dialog.get_by_role("button", name="Hide from this list").click()
    await expect(natives(page).get_by_text("No other session of an agent was found here.")).to_be_visible()
    assert list((desk.home / ".claude" / "projects").glob(f"*/{native_id}.jsonl"))


async def test_one_that_is_open_in_a_terminal_is_not_fought_over(page: Page, desk: Desk) -> None:
    folder = desk.repository("elsewhere").path
    native_id = await left_behind(desk, folder, "Still mine.")
    # What the CLI itself notes while somebody has it open: this process stands for it.
    mark = desk.home / ".claude" / "sessions" / f"{os.getpid()}.json"
    mark.parent.mkdir(parents=True, exist_ok=True)
    begun = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    mark.write_text(json.dumps({"pid": os.getpid(), "procStart": begun, "sessionId": native_id, "cwd": str(folder)}))
    await page.goto(f"{desk.url}/m/{desk.node}/p{folder}")
    row = natives(page).get_by_role("listitem")
    await expect(row).to_contain_text("open in a terminal now")
    await row.get_by_role("link").click()
    await expect(page.get_by_role("note")).to_contain_text("Close it there, then continue it here.")
    await send(page, "say Mine now.", button="Continue this session")
    refused = page.get_by_text(re.compile("terminal", re.IGNORECASE)).last
    await expect(refused).to_be_visible()
    mark.unlink()
    await page.get_by_role("button", name="Look again").click()
    await expect(page.get_by_role("note")).to_contain_text("What you send continues it")
    await page.get_by_role("button", name="Send again").click()
    await expect(said(page, "Mine now.")).to_be_visible()
    await expect(prompt_field(page)).to_have_value("")

    async def is_ours() -> bool:
        listed = await desk.client.op("session.list", node=desk.node, path=str(folder), native=False)
        return [each["native_id"] for each in listed["sessions"]] == [native_id]

    await eventually(is_ours, what="the session to be one of ours")
