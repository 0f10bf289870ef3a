"""Every page: what axe finds, how large targets are for a finger, and that nothing scrolls sideways."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.desk import Desk, window
from tests.browser.measures import all_small_targets, axe_violations, wider_than_the_window
from tests.browser.steps import ask, log, open_shell, panel, terminal, type_in_terminal


@dataclass
class Yard:
    """A desk with work on it: a session that has run, one that asks, one terminal."""

    desk: Desk
    done: str
    asking: str
    folder: Path

    @property
    def places(self) -> dict[str, str]:
        """Every kind of page by name."""
        url = self.desk.url
        return {
            "work": f"{url}/",
            "needs": f"{url}/needs",
            "machines": f"{url}/m",
            "machine": f"{url}/m/{self.desk.node}",
            "project": f"{url}/m/{self.desk.node}/p{self.folder}",
            "log": self.desk.page_of(self.done),
            "ask": self.desk.page_of(self.asking),
            "changes": self.desk.page_of(self.done, "changes"),
            "files": self.desk.page_of(self.done, "files"),
            "terminal": self.desk.page_of(self.done, "terminal"),
            "add": f"{url}/add",
            "settings": f"{url}/settings",
            "keys": f"{url}/settings/keys",
            "account": f"{url}/settings/account",
            "devices": f"{url}/settings/devices",
            "tokens": f"{url}/settings/tokens",
            "people": f"{url}/settings/people",
            "audit": f"{url}/settings/audit",
            "new": f"{url}/new",
            "more": f"{url}/more",
            "nothing": f"{url}/m/a/b/c",
        }


PLACES = (
    "work",
    "needs",
    "machines",
    "machine",
    "project",
    "log",
    "ask",
    "changes",
    "files",
    "terminal",
    "add",
    "settings",
    "keys",
    "account",
    "devices",
    "tokens",
    "people",
    "audit",
    "new",
    "more",
    "nothing",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def yard(desk: Desk) -> AsyncIterator[Yard]:
    folder = desk.repository().path
    done, asking = await desk.session(folder, "scripted"), await desk.session(folder, "scripted")
    _untitled = await desk.session(folder, "scripted")
    await desk.send(done, "greet")
    await desk.send(asking, "write")
    (folder / "greet.py").write_text('def greet():\n    return "good morning"\n')
    _ = await desk.client.op("terminal.open", node=desk.node, path=str(folder), cols=80, rows=24, name="shell")
    await desk.until(asking, "waiting")
    await desk.until(done, "idle")
    yield Yard(desk, done, asking, folder)


async def open_place(page: Page, yard: Yard, place: str) -> None:
    """Go there and wait until it shows what it is for."""
    await page.goto(yard.places[place])
    shown = {
        "log": log(page).get_by_role("heading"),
        "ask": ask(page),
        "changes": panel(page).get_by_role("button", name="greet.py"),
        "files": panel(page).get_by_role("button", name="greet.py"),
        "terminal": terminal(page),
        "new": page.get_by_role("button", name="Claude Code"),
        "needs": page.get_by_role("button", name="Allow once"),
        "machine": page.get_by_text("What it may do"),
        "machines": page.get_by_role("link", name="Add a machine"),
        "add": page.get_by_text("Waiting for the machine"),
        "keys": page.get_by_role("button", name="Change the key for What needs you"),
        "account": page.get_by_role("button", name="Change the password"),
        "devices": page.get_by_text("this one"),
        "tokens": page.get_by_text("There are no API tokens."),
        "people": page.get_by_role("button", name="Change ada"),
        "audit": page.get_by_role("table", name="Audit"),
    }.get(place, page.get_by_role("heading", level=1))
    await expect(shown.first).to_be_visible()
    await page.evaluate("document.fonts.ready.then(() => undefined)")


def told(found: dict[str, list[str]]) -> str:
    """What was found by place, each once."""
    places: dict[str, list[str]] = {}
    for place, each in found.items():
        for what in each:
            places.setdefault(what, []).append(place)
    return "\n".join(f"{what} on {', '.join(dict.fromkeys(where))}" for what, where in places.items())


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing(browser: Browser, yard: Yard, theme: Literal["light", "dark"]) -> None:
    found: dict[str, list[str]] = {}
    async with window(browser, color_scheme=theme) as (context, _):
        page = await context.new_page()
        await page.goto(f"{yard.desk.url}/login")
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        found["login"] = await axe_violations(page)
    async with window(browser, yard.desk, color_scheme=theme) as (context, _):
        page = await context.new_page()
        for place in PLACES:
            await open_place(page, yard, place)
            found[place] = await axe_violations(page)
    assert not any(found.values()), told(found)


async def test_a_finger_hits_every_target(browser: Browser, yard: Yard) -> None:
    found: dict[str, list[str]] = {}
    phone = {"width": 390, "height": 844}
    async with window(browser, yard.desk, phone, has_touch=True, is_mobile=True) as (context, _):
        page = await context.new_page()
        for place in PLACES:
            await open_place(page, yard, place)
            found[place] = await all_small_targets(page)
    assert not any(found.values()), told(found)


async def test_nothing_scrolls_sideways_at_320_pixels(browser: Browser, yard: Yard) -> None:
    found: dict[str, list[str]] = {}
    async with window(browser, yard.desk, {"width": 320, "height": 640}, has_touch=True, is_mobile=True) as (
        context,
        _,
    ):
        page = await context.new_page()
        for place in PLACES:
            await open_place(page, yard, place)
            found[place] = await wider_than_the_window(page)
    assert not any(found.values()), told(found)


async def test_text_twice_as_large_fits(browser: Browser, yard: Yard) -> None:
    found: dict[str, list[str]] = {}
    async with window(browser, yard.desk) as (context, _):
        page = await context.new_page()
        for place in PLACES:
            await open_place(page, yard, place)
            # All sizes are in rem, so this is what the browser's own setting for text does.
            await page.evaluate("document.documentElement.style.setProperty('font-size', '200%')")
            found[place] = await wider_than_the_window(page)
    assert not any(found.values()), told(found)


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_what_a_program_reverses_is_as_clear_as_the_rest(
    browser: Browser, desk: Desk, theme: Literal["light", "dark"]
) -> None:
    async with window(browser, desk, color_scheme=theme) as (context, _):
        page = await context.new_page()
        await open_shell(page, desk, f"reversed-{theme}")
        await type_in_terminal(page, r"clear; printf 'pla%s \033[7mrever%s\033[0m \033[7;31mre%s\033[0m\n' in sed d")
        plain, other = (terminal(page).locator("span").get_by_text(text, exact=True) for text in ("plain", "reversed"))
        await expect(other).to_be_visible()
        usual = await plain.evaluate("element => getComputedStyle(element).color")
        ground = await terminal(page).evaluate("element => getComputedStyle(element).backgroundColor")
        await expect(other).to_have_css("background-color", usual)
        await expect(other).to_have_css("color", ground)
