"""What needs a person, in one list: several answered at once, live on two devices, by keys and by a thumb."""

from pathlib import Path

from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.desk import PHONE, Desk, window
from tests.browser.measures import all_small_targets, axe_violations, wider_than_the_window
from tests.support.waiting import eventually


async def asking(desk: Desk, folder: Path, title: str) -> str:
    """A session whose agent waits to be allowed to write a file."""
    session = await desk.session(folder, "scripted", title=title)
    await desk.send(session, "write")
    await desk.until(session, "waiting")
    return session


def row(page: Page, title: str) -> Locator:
    return page.get_by_role("main").get_by_role("listitem").filter(has=page.get_by_role("link", name=title, exact=True))


def several(page: Page) -> Locator:
    return page.get_by_role("group", name="Answer several at once")


async def press_once(page: Page, key: str, title: str) -> None:
    """One press of the key, as soon as the row says that it takes one."""
    await expect(row(page, title).get_by_role("button", name="Allow once")).to_be_enabled()
    await page.keyboard.press(key)


_IS_REACHED = """
(button) => {
  button.scrollIntoView({ block: "end" });
  const { x, y, width, height } = button.getBoundingClientRect();
  return button.contains(document.elementFromPoint(x + width / 2, y + height / 2));
}
"""
"""Whether a finger meets a button that has just been scrolled into sight at the lower end."""


async def expect_none_left(page: Page) -> None:
    await expect(page.get_by_text("Nothing needs you.")).to_be_visible()


async def test_two_are_allowed_at_once_and_the_other_device_is_told(browser: Browser, desk: Desk) -> None:
    first, second, third = (desk.repository(name).path for name in ("inbox-one", "inbox-two", "inbox-three"))
    for folder, title in ((first, "One"), (second, "Two"), (third, "Three")):
        await asking(desk, folder, title)
    async with window(browser, desk) as (left, _), window(browser, desk) as (right, _):
        one, other = await left.new_page(), await right.new_page()
        for page in (one, other):
            await page.goto(f"{desk.url}/needs")
            await expect(row(page, "Three").get_by_text("two", exact=True)).to_be_visible()
        assert await axe_violations(one) == []
        for title in ("One", "Two"):
            await row(one, title).get_by_role("checkbox").check()
        await expect(several(one).get_by_role("status")).to_have_text("2 selected")
        await several(one).get_by_role("button", name="Allow 2 once").click()

        def are_written() -> bool:
            return (first / "note.txt").exists() and (second / "note.txt").exists()

        await eventually(are_written, what="both files to be written")
        for title in ("One", "Two"):
            await expect(row(other, title).get_by_role("status")).to_contain_text("Allowed once by ada")
        for page in (one, other):
            await expect(row(page, "Two").get_by_role("button", name="Allow once")).to_be_hidden()
            await expect(row(page, "Three").get_by_role("button", name="Allow once")).to_be_enabled()
            await expect(page.get_by_role("heading", name="Done, not seen yet 2")).to_be_visible()
        assert not (third / "note.txt").exists()
        await row(other, "Three").get_by_role("button", name="Deny", exact=True).click()
        await expect(row(one, "Three").get_by_role("status")).to_contain_text("Denied by ada")
        await expect_none_left(one)
        await expect_none_left(other)
        assert not (third / "note.txt").exists()


async def test_by_keys_alone(page: Page, desk: Desk) -> None:
    folder, kept = desk.repository("inbox-keys").path, desk.repository("inbox-kept").path
    await asking(desk, folder, "Keys")
    await asking(desk, kept, "Kept")
    await page.goto(f"{desk.url}/needs")
    await expect(row(page, "Kept").get_by_role("button", name="Allow once")).to_be_enabled()
    await page.keyboard.press("j")
    await expect(row(page, "Keys").get_by_role("link", name="Keys", exact=True)).to_be_focused()
    await page.keyboard.press("x")
    await expect(row(page, "Keys").get_by_role("checkbox")).to_be_checked()
    await page.keyboard.press("x")
    await expect(row(page, "Keys").get_by_role("checkbox")).not_to_be_checked()
    diff = row(page, "Keys").get_by_role("group", name="note.txt", exact=True)
    await expect(diff).to_be_visible()  # it is read from the journal; until then there is nothing to go to
    await page.keyboard.press("o")
    await expect(diff).to_be_focused()
    await press_once(page, "a", "Keys")
    await expect(row(page, "Keys").get_by_role("status")).to_contain_text("Allowed once by ada")
    assert (folder / "note.txt").exists()
    await page.keyboard.press("j")
    await expect(row(page, "Kept").get_by_role("link", name="Kept", exact=True)).to_be_focused()
    await press_once(page, "d", "Kept")
    await expect(row(page, "Kept").get_by_role("status")).to_contain_text("Denied by ada")
    assert not (kept / "note.txt").exists()
    await expect_none_left(page)


async def test_on_a_phone(browser: Browser, desk: Desk) -> None:
    folder, other = desk.repository("inbox-phone").path, desk.repository("inbox-other").path
    await asking(desk, folder, "Thumb")
    await asking(desk, other, "Other")
    async with window(browser, desk, PHONE, has_touch=True, is_mobile=True) as (context, _):
        page = await context.new_page()
        await page.goto(f"{desk.url}/needs")
        await expect(row(page, "Other").get_by_role("button", name="Allow once")).to_be_enabled()
        assert await all_small_targets(page) == []
        assert await wider_than_the_window(page) == []
        await page.set_viewport_size({"width": PHONE["width"], "height": 420})
        for title in ("Thumb", "Other"):
            assert await row(page, title).get_by_role("button", name="Allow once").evaluate(_IS_REACHED), title
        await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        await several(page).get_by_role("button", name="Select all").tap()
        assert await all_small_targets(page) == []
        await several(page).get_by_role("button", name="Deny 2", exact=True).tap()
        for title in ("Thumb", "Other"):
            await expect(row(page, title).get_by_role("status")).to_contain_text("Denied by ada")
        await expect_none_left(page)
    assert not (folder / "note.txt").exists()
    assert not (other / "note.txt").exists()


async def test_a_press_on_the_bar_waits_until_it_is_meant_and_then_answers_all(browser: Browser, desk: Desk) -> None:
    """A second tap where the first one stood must not answer; it is not swallowed unseen either."""
    folders = [desk.repository(f"inbox-all-{n}").path for n in range(4)]
    for n, folder in enumerate(folders):
        await asking(desk, folder, f"All {n}")
    async with window(browser, desk) as (context, _):
        page = await context.new_page()
        await page.goto(f"{desk.url}/needs")
        await expect(row(page, "All 3").get_by_role("button", name="Allow once")).to_be_enabled()
        await page.clock.install()
        await page.clock.pause_at(await page.evaluate("Date.now() + 1000"))
        await several(page).get_by_role("button", name="Select all").click()
        allow = several(page).get_by_role("button", name="Allow 4 once")
        await expect(allow).to_be_disabled()
        await expect(allow).to_have_attribute("title", "It has just come or moved, and takes a press in a moment.")
        await allow.dispatch_event("click")
        await expect(row(page, "All 3").get_by_role("button", name="Allow once")).to_be_enabled()
        await page.clock.run_for(400)
        await expect(allow).to_be_enabled()
        await allow.click()
        for n in range(4):
            await expect(row(page, f"All {n}").get_by_role("button", name="Allow once")).to_be_hidden()
        await page.clock.resume()
        await expect_none_left(page)
    for folder in folders:
        assert (folder / "note.txt").exists()
