"""What is done to a session besides prompting it: forks, going back, its queue, pictures, long texts, exports."""

import re
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.desk import Desk, window
from tests.browser.measures import axe_violations
from tests.browser.steps import log, prompt_field, said, send
from tests.support.waiting import eventually

PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="  # one dot, PNG
)
PASTE = """
([kind, data]) => {
  const transfer = new DataTransfer();
  if (kind === "text") transfer.setData("text/plain", "x".repeat(data));
  else transfer.items.add(new File([Uint8Array.from(atob(data), (one) => one.charCodeAt(0))], "dot.png", {type: kind}));
  document.activeElement.dispatchEvent(
    new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true }));
}
"""


async def played(desk: Desk, folder: Path, *prompts: str, **more: Any) -> str:
    """A session of the scripted agent with these turns behind it."""
    session = await desk.session(folder, "scripted", **more)
    for number, prompt in enumerate(prompts):
        await desk.send(session, prompt)

        async def has_ended(count: int = number + 1) -> bool:
            return [event["type"] for event in await desk.events(session)].count("turn_ended") == count

        await eventually(has_ended, what=f"the turn of {prompt}")
    return session


async def choose_act(page: Page, prompt: str, act: str) -> None:
    """From the menu of the turn of that prompt."""
    turn = (
        log(page)
        .get_by_role("group", name=re.compile("^Turn"))
        .filter(has=page.get_by_role("heading", name=prompt, exact=True))
    )
    await turn.get_by_role("button", name="More acts").click()
    await page.get_by_role("menuitem", name=re.compile(f"^{act}")).click()


def session_in(page: Page) -> str:
    return page.url.split("/s/")[1].split("?")[0]


async def test_edit_and_resend_forks_and_the_original_stays(page: Page, desk: Desk) -> None:
    desk.play(first=[{"do": "say", "text": "The first."}], second=[{"do": "say", "text": "The second."}])
    desk.play(recalled=[{"do": "recall"}])
    session = await played(desk, desk.repository("edited").path, "first", "second", title="Edited")
    before = await desk.events(session)
    await page.goto(desk.page_of(session))
    await expect(said(page, "The second.")).to_be_visible()
    await choose_act(page, "second", "Edit and resend")
    await expect(page.get_by_role("heading", name="Edited (fork)", level=1)).to_be_visible()
    await expect(prompt_field(page)).to_have_value("second")
    await expect(prompt_field(page)).to_be_focused()
    fork = session_in(page)
    assert fork != session
    await send(page, "recalled")
    await expect(said(page, "I remember: first")).to_be_visible()
    await expect(said(page, "The first.")).to_be_visible()
    await expect(said(page, "The second.")).to_be_hidden()
    assert await desk.events(session) == before
    await page.reload()
    await expect(said(page, "I remember: first")).to_be_visible()
    await expect(prompt_field(page)).to_have_value("")


async def test_fork_from_a_turn_keeps_it(page: Page, desk: Desk) -> None:
    desk.play(first=[{"do": "say", "text": "The first."}], second=[{"do": "say", "text": "The second."}])
    desk.play(recalled=[{"do": "recall"}])
    session = await played(desk, desk.repository("forked").path, "first", "second")
    await page.goto(desk.page_of(session))
    await choose_act(page, "first", "Fork from here")
    await expect(said(page, "The second.")).to_be_hidden()
    await expect(said(page, "The first.")).to_be_visible()
    await send(page, "recalled")
    await expect(said(page, "I remember: first")).to_be_visible()


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Go back to before this prompt?")


async def test_going_back_says_before_what_it_does(browser: Browser, desk: Desk) -> None:
    folder = desk.repository("back").path
    session = await played(desk, folder, "greet", "write", mode="accept")
    assert (folder / "note.txt").exists()
    async with window(browser, desk) as (first, _), window(browser, desk) as (second, _):
        page, other = await first.new_page(), await second.new_page()
        for each in (page, other):
            await each.goto(desk.page_of(session))
            await expect(said(each, "Noted.")).to_be_visible()
        await choose_act(page, "write", "Go back to before this")
        await expect(dialog(page)).to_contain_text("1 file is put back:")
        await expect(dialog(page)).to_contain_text("note.txt")
        await expect(dialog(page)).to_contain_text("Files changed by commands are not put back.")
        assert await axe_violations(page) == []
        assert (folder / "note.txt").exists()
        await dialog(page).get_by_role("button", name="Cancel").click()
        assert "rewound" not in [event["type"] for event in await desk.events(session)]
        await choose_act(page, "write", "Go back to before this")
        await dialog(page).get_by_label("The conversation and the files").check()
        await dialog(page).get_by_role("button", name="Go back", exact=True).click()
        await expect(dialog(page)).to_be_hidden()
        await expect(prompt_field(page)).to_have_value("write")
        for each in (page, other):
            await expect(log(each).get_by_text(re.compile("Went back"))).to_be_visible()
        await expect(prompt_field(other)).to_have_value("")
    assert not (folder / "note.txt").exists()


def queue(page: Page) -> Locator:
    return page.get_by_role("region", name="Queue", exact=True)


async def expect_order(page: Page, *prompts: str) -> None:
    rows = queue(page).get_by_role("listitem")
    await expect(rows).to_contain_text(list(prompts))


async def test_a_queue_is_moved_edited_and_dropped_on_two_devices(browser: Browser, desk: Desk) -> None:
    session = await desk.session(desk.repository("moved").path, "scripted")
    async with window(browser, desk) as (first, _), window(browser, desk) as (second, _):
        one, other = await first.new_page(), await second.new_page()
        for page in (one, other):
            await page.goto(desk.page_of(session))
        await send(one, "hold")
        await expect(said(one, "Holding.")).to_be_visible()
        for prompt in ("alpha", "beta", "gamma"):
            await send(one, prompt, button="Queue")
        await expect_order(other, "alpha", "beta", "gamma")
        await expect(queue(other).get_by_text("by ada").first).to_be_visible()
        assert await axe_violations(other) == []
        await queue(one).get_by_role("button", name="Move prompt 3 of the queue").press("ArrowUp")
        await expect_order(other, "alpha", "gamma", "beta")
        rows = queue(one).get_by_role("listitem")
        await rows.nth(2).drag_to(rows.nth(0))
        await expect_order(other, "beta", "alpha", "gamma")
        await rows.nth(0).get_by_role("button", name="More acts").click()
        await one.get_by_role("menuitem", name="Move down").click()
        await expect_order(other, "alpha", "beta", "gamma")
        await queue(other).get_by_role("listitem").nth(1).get_by_role("button", name="More acts").click()
        await other.get_by_role("menuitem", name="Edit").click()
        field = queue(other).get_by_role("textbox", name="Prompt 2 of the queue")
        await field.fill("greet")
        await field.press("Enter")
        await expect_order(one, "alpha", "greet", "gamma")
        await rows.nth(0).get_by_role("button", name="More acts").click()
        await one.get_by_role("menuitem", name="Drop").click()
        await expect_order(other, "greet", "gamma")
        await other.get_by_role("button", name="Stop the run").click()
        await expect(one.get_by_text("Held: nothing is sent until you release it.")).to_be_visible()
        await one.get_by_role("button", name="Release the queue").click()
        await expect(said(other, "Good morning.")).to_be_visible()


async def test_a_prompt_into_the_running_turn(page: Page, desk: Desk) -> None:
    session = await desk.session(desk.repository("steered").path, "scripted")
    await page.goto(desk.page_of(session))
    await send(page, "hold")
    await expect(said(page, "Holding.")).to_be_visible()
    await prompt_field(page).fill("mind the tests")
    await prompt_field(page).press("Control+Enter")
    await expect(page.get_by_role("menuitem", name="Interrupt and send")).to_be_visible()
    await page.get_by_role("menuitem", name="Send into the running turn").click()
    await expect(log(page).get_by_text("mind the tests")).to_be_visible()
    await desk.until(session, "idle")
    events = await desk.events(session)
    assert [event["text"] for event in events if event["type"] == "user_message"] == ["hold", "mind the tests"]
    assert [event["type"] for event in events].count("turn_started") == 1


async def test_pasted_pictures_go_along_by_what_they_are(page: Page, desk: Desk) -> None:
    session = await desk.session(desk.repository("pictures").path)
    await page.goto(desk.page_of(session))
    await prompt_field(page).focus()
    await page.evaluate(PASTE, ["image/png", PICTURE])
    await expect(page.get_by_role("img", name="dot.png")).to_be_visible()
    await prompt_field(page).focus()
    await page.evaluate(PASTE, ["image/png", "PHN2Zz4="])
    await expect(page.get_by_text("dot.png is no picture that can be sent")).to_be_visible()
    await send(page, "say Seen.")
    await expect(said(page, "Seen.")).to_be_visible()
    (prompt,) = [event for event in await desk.events(session) if event["type"] == "user_message"]
    assert [each["data_url"] for each in prompt["attachments"]] == [f"data:image/png;base64,{PICTURE}"]


async def test_a_pasted_text_that_no_prompt_holds_becomes_a_file(page: Page, desk: Desk) -> None:
    size = 20_000_000
    folder = desk.repository("pasted").path
    session = await desk.session(folder, "scripted")
    await page.goto(desk.page_of(session))
    await prompt_field(page).fill("read")
    await prompt_field(page).focus()
    await page.evaluate(PASTE, ["text", size])
    note = page.get_by_role("alert").filter(has_text="20,000,000 characters")
    await expect(note).to_be_visible()
    await expect(prompt_field(page)).to_have_value("read")
    await note.get_by_role("button", name="Save it as a file").click()
    await expect(prompt_field(page)).to_have_value(re.compile(r"^read @pasted-\d{8}-\d{6}\.txt $"))
    (file,) = folder.glob("pasted-*.txt")
    assert file.stat().st_size == size


async def test_an_export_is_a_file_of_the_whole_session(page: Page, desk: Desk) -> None:
    session = await played(desk, desk.repository("exported").path, "greet", title="Exported")
    await page.goto(desk.page_of(session))
    await expect(said(page, "Good morning.")).to_be_visible()
    for act, words in (("Export as Markdown", ["greet", "Good morning."]), ("Export as JSON", ['"turn_ended"'])):
        await page.get_by_role("button", name="Acts on the session").click()
        async with page.expect_download() as download:
            await page.get_by_role("menuitem", name=act).click()
        text = (await (await download.value).path()).read_text()
        assert all(word in text for word in words), text


async def test_files_and_sessions_are_mentioned_by_their_names(page: Page, desk: Desk) -> None:
    folder = desk.repository("mentions").path
    other = await desk.session(folder, "scripted", title="Tidy the ledger")
    session = await desk.session(folder, "scripted")
    await page.goto(desk.page_of(session))
    await prompt_field(page).press_sequentially("see @gree")
    await page.get_by_role("option", name="greet.py").click()
    await expect(prompt_field(page)).to_have_value("see @greet.py ")
    await prompt_field(page).press_sequentially("and @tidy")
    await expect(page.get_by_role("option", selected=True)).to_contain_text("Tidy the ledger")
    await prompt_field(page).press("Enter")
    machine = (await desk.client.op("nodes.list"))["nodes"][0]["name"]
    await expect(prompt_field(page)).to_have_value(
        f"see @greet.py and session “Tidy the ledger” ({other} on {machine}) "
    )
