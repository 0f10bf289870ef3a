"""A terminal on a phone: composed words, keys that hold, fingers that scroll and pinch, room for the keyboard."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, CDPSession, Locator, Page, expect

from tests.browser.desk import PASSWORD, PHONE, Desk, window
from tests.browser.steps import panel, sign_in, terminal

KEYBOARD = """
Object.defineProperty(visualViewport, "height", { configurable: true, get: () => window.seen ?? innerHeight });
"""
"""A browser without a screen has no keyboard to show: only what it would tell the page is played here."""


@pytest_asyncio.fixture(loop_scope="module")
async def phone(browser: Browser, desk: Desk, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Page, CDPSession]]:
    """A page with a shell that has the focus, and the browser's own input."""
    async with window(browser, desk, PHONE, has_touch=True, is_mobile=True) as (context, _):
        page = await context.new_page()
        await page.add_init_script(KEYBOARD)
        session = await desk.session(desk.repository(request.node.name).path, "scripted")
        await page.goto(desk.page_of(session, "terminal"))
        await panel(page).get_by_role("button", name="Start a shell").tap()
        await expect(field(page)).to_be_focused()
        yield page, await context.new_cdp_session(page)


def field(page: Page) -> Locator:
    return terminal(page).get_by_role("textbox", name="Terminal input")


def key(page: Page, name: str) -> Locator:
    return terminal(page).get_by_role("toolbar", name="Terminal keys").get_by_role("button", name=name, exact=True)


def rows(page: Page) -> Locator:
    return terminal(page).locator(".xterm-rows")


def line(page: Page, text: str) -> Locator:
    """The lines of the screen that are nothing but `text`."""
    return rows(page).locator("> div", has_text=re.compile(rf"^{re.escape(text)}\s*$"))


async def put(cdp: CDPSession, text: str) -> None:
    """As a keyboard commits a text: in the place of what it has composed, or at the caret."""
    await cdp.send("Input.insertText", {"text": text})


async def compose(cdp: CDPSession, *parts: str) -> None:
    """One composition, which goes on."""
    for part in parts:
        at = len(part)
        await cdp.send("Input.imeSetComposition", {"text": part, "selectionStart": at, "selectionEnd": at})


async def compose_at_once(cdp: CDPSession, *words: str) -> None:
    """Whole words, each composed in two steps; all of it is under way before the page has answered any."""
    each = [step for word in words for step in (compose(cdp, word[0]), compose(cdp, word), put(cdp, word))]
    await asyncio.gather(*each)


async def middle(page: Page) -> tuple[float, float]:
    box = await terminal(page).locator(".xterm-screen").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


async def test_composed_words_arrive_once(phone: tuple[Page, CDPSession]) -> None:
    page, cdp = phone
    for attribute in ("autocomplete", "autocorrect", "autocapitalize"):
        await expect(field(page)).to_have_attribute(attribute, "off")
    await expect(field(page)).to_have_attribute("spellcheck", "false")
    await put(cdp, "echo ")
    await asyncio.gather(compose(cdp, "h"), compose(cdp, "hé"), put(cdp, "héron"), put(cdp, " ok"))
    await expect(rows(page)).to_contain_text("echo héron ok")
    await page.keyboard.press("Enter")
    await expect(line(page, "héron ok")).to_have_count(1)
    await put(cdp, "echo ")
    await compose_at_once(cdp, "eau", "vin")
    await expect(rows(page)).to_contain_text("echo eauvin")
    await page.keyboard.press("Enter")
    await expect(line(page, "eauvin")).to_have_count(1)


async def test_a_word_that_is_corrected_is_taken_back_first(phone: tuple[Page, CDPSession]) -> None:
    page, cdp = phone
    await put(cdp, "echo teh")
    await expect(rows(page)).to_contain_text("echo teh")
    replaced = {"replacementStart": 5, "replacementEnd": 8}
    await cdp.send("Input.imeSetComposition", {"text": "the", "selectionStart": 3, "selectionEnd": 3, **replaced})
    await expect(terminal(page).locator(".composition-view")).to_have_text("he")
    await put(cdp, "the")
    await expect(rows(page)).to_contain_text("echo the")
    await page.keyboard.press("Backspace")
    await put(cdp, "m")
    await page.keyboard.press("Enter")
    await expect(line(page, "thm")).to_have_count(1)


async def test_a_word_begun_is_sent_once_when_something_else_comes(phone: tuple[Page, CDPSession]) -> None:
    page, cdp = phone
    await put(cdp, "echo ")
    await compose(cdp, "m", "mer")
    await expect(terminal(page).locator(".composition-view")).to_have_text("mer")
    await field(page).blur()
    await expect(terminal(page).locator(".composition-view")).to_be_hidden()
    await field(page).focus()
    await compose(cdp, "x", "xy")
    await key(page, "/").tap()
    await compose(cdp, "l", "lac")
    await page.keyboard.press("Enter")
    await expect(line(page, "merxy/lac")).to_have_count(1)


async def test_words_are_whole_while_output_floods(phone: tuple[Page, CDPSession]) -> None:
    page, cdp = phone
    await page.keyboard.type("yes flood & cat > ~/typed; kill $!; clear; cat ~/typed")
    await page.keyboard.press("Enter")
    await expect(rows(page)).to_contain_text("flood")
    words = ("héron", "mer", "你好", "한글")
    for word in words:
        await asyncio.gather(compose(cdp, word[0]), compose(cdp, word), put(cdp, word), put(cdp, " "))
    await page.keyboard.press("Enter")
    await page.keyboard.press("Control+d")
    await expect(line(page, " ".join(words))).to_have_count(1)


async def test_held_keys_hold_for_composed_letters(phone: tuple[Page, CDPSession]) -> None:
    page, cdp = phone
    await page.keyboard.type("echo rea''dy; cat -v")
    await page.keyboard.press("Enter")
    await expect(line(page, "ready")).to_have_count(1)  # the shell reads no more
    await put(cdp, "x")
    # A capital too: some keyboards begin with one whatever they are told.
    for letter in ("a", "B"):
        await key(page, "Ctrl").tap()
        await compose(cdp, letter)
        await put(cdp, letter)
    await put(cdp, "y")
    await page.keyboard.press("Enter")
    await expect(line(page, "x^A^By")).to_have_count(2)
    await key(page, "Ctrl").tap()
    await compose(cdp, "c")
    await put(cdp, "c")
    # What is typed before the program has gone would go with it.
    await expect(rows(page)).to_contain_text(re.compile(r"\^C.*[#$]\s*$", re.DOTALL))
    await put(cdp, "echo back")
    await page.keyboard.press("Enter")
    await expect(line(page, "back")).to_have_count(1)


async def test_a_word_begun_goes_with_its_terminal(phone: tuple[Page, CDPSession], desk: Desk) -> None:
    page, cdp = phone
    await page.keyboard.type("echo shell-$$-")
    await page.keyboard.press("Enter")
    await expect(rows(page)).to_contain_text(re.compile(r"shell-\d+-"))
    found = re.search(r"shell-(\d+)-", await rows(page).inner_text())
    assert found is not None
    await compose(cdp, "g", "gone")
    os.kill(int(found[1]), signal.SIGKILL)
    again = terminal(page).get_by_role("button", name="Start again")
    await again.tap()
    await expect(again).to_be_hidden()
    await field(page).focus()
    await put(cdp, "echo anew")
    await page.keyboard.press("Enter")
    await expect(line(page, "anew")).to_have_count(1)
    await expect(rows(page)).not_to_contain_text("gone")


async def test_who_may_look_composes_nothing(phone: tuple[Page, CDPSession], browser: Browser, desk: Desk) -> None:
    page, _ = phone
    await page.keyboard.type("echo look-''here")
    await page.keyboard.press("Enter")
    await expect(rows(page)).to_contain_text("look-here")
    grants = [{"node": "*", "role": "viewer"}]
    made = await desk.client.op("users.create", username="vic", password=PASSWORD, role="viewer", grants=grants)
    async with window(browser, None, PHONE, has_touch=True, is_mobile=True) as (context, _):
        theirs = await context.new_page()
        await sign_in(theirs, desk.url, "vic")
        await expect(theirs.get_by_role("tree")).to_be_visible()
        await theirs.goto(page.url)
        await expect(rows(theirs)).to_contain_text("look-here")
        await expect(field(theirs)).not_to_be_editable()
        cdp = await context.new_cdp_session(theirs)
        await field(theirs).focus()
        await compose(cdp, "s", "secret")
        await put(cdp, "secret")
        await expect(terminal(theirs).locator(".composition-view")).to_be_hidden()
        await page.keyboard.type("echo to-''everybody")
        await page.keyboard.press("Enter")
        await expect(line(theirs, "to-everybody")).to_have_count(1)
        await expect(terminal(theirs)).not_to_contain_text("secret")
    _ = await desk.client.op("users.remove", user=made["user"]["id"])


async def test_keys_hold_for_one_or_until_pressed_again(phone: tuple[Page, CDPSession]) -> None:
    page, _ = phone
    await page.keyboard.type("echo rea''dy; cat -v")
    await page.keyboard.press("Enter")
    await expect(line(page, "ready")).to_have_count(1)
    await key(page, "Ctrl").tap()
    await expect(field(page)).to_be_focused()
    await page.keyboard.type("a")
    await page.keyboard.type("b")
    await key(page, "Alt").tap()
    await key(page, "Alt").tap()
    await page.keyboard.type("cd")
    held = terminal(page).get_by_role("button", name=re.compile("^Alt ?, held"))
    await expect(held).to_have_attribute("aria-pressed", "true")
    await held.tap()
    await page.keyboard.type("e")
    await page.keyboard.press("Enter")
    await expect(terminal(page)).to_contain_text("^Ab^[c^[de")


async def test_a_finger_scrolls_two_change_the_size(phone: tuple[Page, CDPSession]) -> None:
    page, cdp = phone
    await page.keyboard.type("clear; seq 200; echo THE-''END")
    await page.keyboard.press("Enter")
    await expect(terminal(page)).to_contain_text("THE-END")
    x, y = await middle(page)
    await cdp.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 8):
        await cdp.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y + 25 * step}]})
    await cdp.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    await expect(terminal(page).locator(".xterm-rows")).not_to_contain_text("THE-END")
    size = "(element) => Number.parseFloat(getComputedStyle(element).fontSize)"
    rows = terminal(page).locator(".xterm-rows")
    before = await rows.evaluate(size)
    for kind, apart in (("touchStart", 40), ("touchMove", 50), ("touchMove", 60)):
        points = [{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}]
        await cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    await cdp.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    await expect(rows).to_have_css("font-size", f"{round(before * 1.5)}px")
    await page.reload()
    await expect(rows).to_have_css("font-size", f"{round(before * 1.5)}px")


async def test_the_keyboard_covers_nothing(phone: tuple[Page, CDPSession]) -> None:
    page, _ = phone
    await page.keyboard.type("seq 100; echo THE-''END")
    await page.keyboard.press("Enter")
    await page.evaluate("window.seen = innerHeight - 300; visualViewport.dispatchEvent(new Event('resize'))")
    bar = page.get_by_role("navigation", name="More")
    await expect(bar).to_be_hidden()
    box = await key(page, "Select").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= PHONE["height"] - 300
    await expect(terminal(page).locator(".xterm-rows")).to_contain_text("THE-END")
    await page.evaluate("window.seen = undefined; visualViewport.dispatchEvent(new Event('resize'))")
    await expect(bar).to_be_visible()


async def test_text_is_selected_as_anywhere_and_pasted_without_a_clipboard(phone: tuple[Page, CDPSession]) -> None:
    page, _ = phone
    await page.keyboard.type("echo to select $((40 + 2))")
    await page.keyboard.press("Enter")
    await expect(terminal(page)).to_contain_text("to select 42")
    await key(page, "Select").tap()
    text = terminal(page).get_by_role("region", name="Text of the terminal")
    await expect(text).to_contain_text("to select 42")
    await expect(text).to_have_css("user-select", "text")
    await terminal(page).get_by_role("button", name="Back to the terminal").tap()
    await key(page, "Paste").tap()
    dialog = page.get_by_role("dialog", name="Paste here")
    await dialog.get_by_label("Text to paste").fill("echo pasted $((40 + 2))")
    await dialog.get_by_role("button", name="Paste", exact=True).tap()
    await expect(field(page)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(terminal(page)).to_contain_text("pasted 42")


async def test_a_long_name_and_a_deep_folder_leave_each_other_room(browser: Browser, desk: Desk) -> None:
    folder = desk.home / "a-folder-whose-name-is-long" / "and-another-one-below" / "the-last-of-them"
    folder.mkdir(parents=True)
    session = await desk.session(folder, "scripted")
    name = "a name that is as long as a name can be, and longer than a phone is wide"
    params = {"node": desk.node, "path": str(folder), "cols": 80, "rows": 24}
    await desk.client.op("terminal.open", name=f"{name}", **params)
    await desk.client.op("terminal.open", name="other", **params)
    async with window(browser, desk, PHONE, has_touch=True, is_mobile=True) as (context, _):
        page = await context.new_page()
        await page.goto(desk.page_of(session, "terminal"))
        place = panel(page).get_by_title("/the-last-of-them")
        end = place.locator("bdi")
        box, shown = await place.bounding_box(), await end.bounding_box()
        assert box is not None
        assert shown is not None
        # The text is longer than its place, and what is in sight is its end.
        assert shown["x"] < box["x"]
        assert shown["x"] + shown["width"] <= box["x"] + box["width"] + 1
        long = page.get_by_role("tab", name=name)
        (width,) = [one["width"] for one in [await long.bounding_box()] if one is not None]
        assert width < PHONE["width"] * 0.7
        await expect(long).to_have_attribute("title", name)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
