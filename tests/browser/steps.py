"""What a person does on the page, by roles and labels."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Locator, Page, TimeoutError, expect  # noqa: A004  Playwright's own

from tests.browser.desk import NAME, PASSWORD, Desk
from tests.support.waiting import eventually

MARKING = """PS0=$'\\e]133;C\\a'
PS1='\\[\\e]133;D;$?\\a\\e]133;A\\a\\]$ \\[\\e]133;B\\a\\]'
"""
"""A shell that tells where commands begin and end."""


async def sign_up(page: Page, url: str) -> None:
    await page.goto(url)
    await page.get_by_label("Name", exact=True).fill(NAME)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Make your account").click()
    await expect(page.get_by_role("tree")).to_be_visible()


async def sign_in(page: Page, url: str, name: str = NAME, password: str = PASSWORD) -> None:
    await page.goto(url)
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Sign in").click()


async def choose_folder(page: Page, folder: Path) -> None:
    await page.get_by_title("Choose another folder").click()
    path = page.get_by_label("Path", exact=True)
    await path.fill(str(folder))
    await page.get_by_role("button", name="Go", exact=True).click()
    await expect(page.get_by_role("button", name="One level up")).to_be_visible()
    await page.get_by_role("button", name="Take this folder").click()


async def choose(page: Page, menu: str, option: str | re.Pattern[str]) -> None:
    """An option of the menu behind the button that shows the value `menu`; its name says of what it is."""
    await page.get_by_role("button", name=re.compile(f": {re.escape(menu)}$")).click()
    await page.get_by_role("menuitemradio", name=option).click()


def log(page: Page) -> Locator:
    return page.get_by_role("log", name="Log")


def said(page: Page, text: str) -> Locator:
    """What the agent said; the prompts, which are headings, do not count."""
    return log(page).get_by_role("paragraph").filter(has_text=text)


async def expect_log_as_journalled(page: Page, events: Sequence[Mapping[str, Any]]) -> None:
    """Every prompt and every message of the journal stands in the log once, and nothing else does. For short logs."""
    prompts = [event["text"].split() for event in events if event["type"] == "user_message"]
    messages = [event["text"].split() for event in events if event["type"] == "agent_message"]

    async def texts(role: Literal["heading", "paragraph"]) -> list[list[str]]:
        return [text.split() for text in await log(page).get_by_role(role).all_inner_texts()]

    assert await texts("heading") == prompts
    paragraphs = await texts("paragraph")
    assert [text for text in paragraphs if text in messages] == messages, paragraphs


def ask(page: Page) -> Locator:
    """What the agent waits for, in the composer's place."""
    return page.get_by_role("region", name="The agent asks")


async def answer(page: Page, button: str) -> None:
    """Press a button of the ask. The first moments of an ask take no press, so press until it is gone."""
    card = ask(page).get_by_role("group").first
    title = await card.get_attribute("aria-label") or ""
    mine = ask(page).get_by_role("group", name=title, exact=True)
    await press_until(mine.get_by_role("button", name=button, exact=True), mine)


async def press_until(button: Locator, gone: Locator) -> None:
    """Press as a person does who sees that nothing has happened."""

    async def is_gone() -> bool:
        with contextlib.suppress(TimeoutError):
            await button.click(timeout=1000)
        with contextlib.suppress(AssertionError):
            await expect(gone).to_be_hidden(timeout=1000)
            return True
        return False

    await eventually(is_gone, what="the pressed button to act")


def prompt_field(page: Page) -> Locator:
    """The composer's field."""
    return page.get_by_role("textbox", name=re.compile("What should be done on"))


async def send(page: Page, text: str, *, button: str = "Send") -> None:
    await prompt_field(page).fill(text)
    await page.get_by_role("form", name="Composer").get_by_role("button", name=button, exact=True).click()


def terminal(page: Page) -> Locator:
    """The terminal in sight; its text is its screen."""
    return page.get_by_role("region", name=re.compile(r"^Terminal .* on "))


async def type_in_terminal(page: Page, line: str) -> None:
    await terminal(page).get_by_role("textbox", name="Terminal input").focus()
    await page.keyboard.type(line)
    await page.keyboard.press("Enter")


async def open_shell(page: Page, desk: Desk, name: str) -> str:
    """A session in a new folder of that name, beside it a shell that has the focus. Answers the session."""
    session = await desk.session(desk.repository(name).path, "scripted")
    await page.goto(desk.page_of(session, "terminal"))
    await panel(page).get_by_role("button", name="Start a shell").click()
    await expect(terminal(page).get_by_role("textbox", name="Terminal input")).to_be_focused()
    return session


async def another_shell(page: Page) -> None:
    """One more terminal, which has the focus."""
    tabs = panel(page).get_by_role("tablist", name="Terminals").get_by_role("tab")
    count = await tabs.count()
    await panel(page).get_by_role("button", name="Start another shell").click()
    await expect(tabs).to_have_count(count + 1)
    await expect(tabs.last).to_have_attribute("aria-selected", "true")
    await expect(terminal(page).get_by_role("textbox", name="Terminal input")).to_be_focused()


async def act_on_terminal(page: Page, name: str) -> None:
    """An entry of the terminal's menu."""
    await panel(page).get_by_role("button", name="Acts on this terminal").click()
    await page.get_by_role("menuitem", name=name).click()


def panel(page: Page) -> Locator:
    """What stands beside the log."""
    return page.get_by_role("region", name="Panel")


async def tab(page: Page, name: str) -> None:
    await panel(page).get_by_role("tab", name=name, exact=True).click()
