"""Sessions side by side: opening, acting in one, closing, reloading, little room, keys and touch."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from playwright.async_api import Browser, Locator, Page, WebSocket, expect

from tests.browser.desk import PHONE, Desk, window
from tests.browser.measures import all_small_targets, axe_violations, wider_than_the_window
from tests.browser.steps import said
from tests.browser.test_machines import another_machine
from tests.support.waiting import eventually


async def open_sessions(desk: Desk, *names: str) -> list[str]:
    """A session of that title each, in a folder of that name, that has greeted."""
    made = []
    for name in names:
        session = await desk.session(desk.repository(name).path, "scripted", title=name)
        await desk.send(session, "greet")
        made.append(session)
    for session in made:
        await desk.until(session, "idle")
    return made


def pane(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=re.compile(f"^{title} on "))


def row(page: Page, title: str) -> Locator:
    """The session in the tree."""
    return page.get_by_role("treeitem", name=re.compile(rf"\b{title} .*SC"))


def address(desk: Desk, sessions: Sequence[str]) -> str:
    """The page with those side by side, the first active."""
    first, *others = sessions
    return f"{desk.page_of(first)}?beside={','.join(f'{desk.node}/{one}' for one in others)}"


async def expect_active(page: Page, title: str) -> None:
    """One pane is active, and everything that says so agrees."""
    active = page.locator("[data-pane=active]")
    await expect(active).to_have_count(1)
    await expect(active).to_have_attribute("aria-label", re.compile(f"^{title} on "))
    await expect(page).to_have_title(re.compile(title))
    await expect(page.get_by_role("heading", level=1)).to_have_text(title)


async def test_a_row_is_dragged_beside_and_each_pane_acts_for_itself(page: Page, desk: Desk) -> None:
    first, _ = await open_sessions(desk, "left", "right")
    await page.goto(desk.page_of(first))
    await expect(said(page, "Good morning.")).to_be_visible()
    await row(page, "right").drag_to(page.get_by_role("log", name="Log"))
    await expect(pane(page, "right").get_by_text("Good morning.")).to_be_visible()
    await expect_active(page, "right")
    field = pane(page, "left").get_by_role("textbox", name=re.compile("What should be done"))
    await field.fill("count")
    await expect_active(page, "left")
    await field.press("Enter")
    await expect(pane(page, "left").get_by_text("n5")).to_be_visible()
    await expect(pane(page, "right").get_by_text("n5")).to_be_hidden()
    await page.keyboard.press("Control+.")
    await expect(pane(page, "left").get_by_role("log").get_by_text("Stopped")).to_be_visible()
    await pane(page, "right").get_by_role("button", name="Close this pane").click()
    await expect_active(page, "left")
    await page.go_back()
    await expect(pane(page, "right")).to_be_visible()


async def test_the_panes_are_an_address_that_survives_a_reload(page: Page, desk: Desk) -> None:
    sessions = await open_sessions(desk, "one", "two", "three")
    await page.set_viewport_size({"width": 1600, "height": 900})
    await page.goto(address(desk, sessions))
    for title in ("one", "two", "three"):
        await expect(pane(page, title).get_by_text("Good morning.")).to_be_visible()
    await expect_active(page, "one")
    await pane(page, "three").get_by_role("log").click()
    await expect_active(page, "three")
    handle = page.get_by_role("separator", name="Width of the pane").first
    await handle.focus()
    for _ in range(3):
        await page.keyboard.press("ArrowLeft")
    before = await handle.get_attribute("aria-valuenow")
    await page.reload()
    await expect_active(page, "three")
    await expect(handle).to_have_attribute("aria-valuenow", before or "")
    titles = [await one.get_attribute("aria-label") for one in await page.locator("[data-pane]").all()]
    assert [str(title).split()[0] for title in titles] == ["one", "two", "three"]


async def test_the_keyboard_opens_goes_round_and_closes(page: Page, desk: Desk) -> None:
    first, *_ = await open_sessions(desk, "alpha", "beta", "gamma")
    await page.goto(desk.page_of(first))
    await expect(said(page, "Good morning.")).to_be_visible()
    await row(page, "beta").focus()
    await page.keyboard.press("b")
    await expect_active(page, "beta")
    await page.keyboard.press("}")
    await expect_active(page, "alpha")
    assert await page.evaluate("document.activeElement.closest('[data-pane]').dataset.pane") == "active"
    seen = []
    for _ in range(4):
        await page.keyboard.press("F6")
        label = "document.activeElement.closest('[data-pane]')?.getAttribute('aria-label') ?? 'sidebar'"
        region = await page.evaluate("document.activeElement.closest('[data-region]').dataset.region")
        seen.append((str(await page.evaluate(label)).split()[0], region))
    assert seen == [("alpha", "composer"), ("beta", "log"), ("beta", "composer"), ("sidebar", "sidebar")]
    await page.keyboard.press("Control+k")
    await page.get_by_role("combobox", name="Go to").fill("gamma")
    await expect(page.get_by_role("option", selected=True)).to_contain_text("gamma")
    await page.keyboard.press("Control+Enter")
    await expect_active(page, "gamma")
    await page.keyboard.press("Shift+W")
    await expect(pane(page, "gamma")).to_be_hidden()
    await expect_active(page, "beta")


async def test_ctrl_and_a_click_opens_beside_and_a_click_goes_to_the_pane(page: Page, desk: Desk) -> None:
    first, *_ = await open_sessions(desk, "near", "far", "else")
    await page.goto(desk.page_of(first))
    await expect(said(page, "Good morning.")).to_be_visible()
    await row(page, "far").click(modifiers=["Control"])
    await expect_active(page, "far")
    await row(page, "near").click()
    await expect_active(page, "near")
    await expect(pane(page, "far")).to_be_visible()
    await row(page, "else").click()
    await expect_active(page, "else")
    await expect(pane(page, "far")).to_be_hidden()


async def test_a_closed_pane_ends_what_it_watched(page: Page, desk: Desk) -> None:
    """What was read stays for the way back, which asks only for what is new."""
    sessions = await open_sessions(desk, "stays", "goes")
    sent: list[dict[str, Any]] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: sent.append(msgspec.json.decode(frame)))

    def watches() -> list[dict[str, Any]]:
        ended = {frame["params"]["subscription"] for frame in sent if frame["method"] == "unsubscribe"}
        opened = [frame for frame in sent if frame["method"] == "session.watch"]
        return [frame["params"] for frame in opened if frame["id"] not in ended]

    page.on("websocket", listen)
    await page.goto(address(desk, sessions))
    await expect(pane(page, "goes").get_by_text("Good morning.")).to_be_visible()
    await eventually(lambda: len(watches()) == len(sessions), what="both sessions to be watched")
    await pane(page, "goes").get_by_role("button", name="Close this pane").click()
    await eventually(
        lambda: [one["session"] for one in watches()] == sessions[:1], what="the closed one's watch to end"
    )
    await desk.send(sessions[1], "count")
    await desk.until(sessions[1], "running")
    await page.go_back()
    await expect(pane(page, "goes").get_by_text("Good morning.")).to_be_visible()
    await expect(pane(page, "goes").get_by_text("n5")).to_be_visible()
    (again,) = [one for one in watches() if one["session"] == sessions[1]]
    assert again["after"] > 1


async def test_sessions_of_two_machines_stand_side_by_side(page: Page, desk: Desk, tmp_path: Path) -> None:
    (here,) = await open_sessions(desk, "here")
    async with another_machine(desk, tmp_path / "shed", "two-shed"):
        given = {"path": str(tmp_path / "shed"), "provider": "scripted", "title": "there"}
        there = (await desk.client.op("session.create", node="two-shed", **given))["session"]["id"]
        await page.goto(f"{desk.page_of(here)}?beside=two-shed/{there}")
        await expect(pane(page, "here").get_by_text("Good morning.")).to_be_visible()
        field = pane(page, "there").get_by_role("textbox", name="What should be done on two-shed?")
        await field.fill("hello")
        await expect_active(page, "there")
        await field.press("Enter")
        await expect(pane(page, "there").get_by_role("log").get_by_text("Done")).to_be_visible()
        assert [event["type"] for event in await desk.events(here)].count("user_message") == 1
        own = pane(page, "here").get_by_role("textbox", name=re.compile("What should be done on (?!two-shed)"))
        await own.fill("write")
        await own.press("Enter")
        ask = pane(page, "here").get_by_role("region", name=re.compile("^The agent asks"))
        await ask.get_by_role("button", name="Deny", exact=True).click()
        await expect(pane(page, "here").get_by_role("log").get_by_text("Denied by ada")).to_be_visible()
        assert not await axe_violations(page)
    await expect(pane(page, "there").get_by_role("log").get_by_text("Done")).to_be_visible()  # kept when it went away
    _ = await desk.client.op("nodes.remove", node="two-shed")


async def test_a_phone_shows_one_and_switches_between_them(browser: Browser, desk: Desk) -> None:
    sessions = await open_sessions(desk, "north", "south", "west", "east")
    async with window(browser, desk, PHONE, has_touch=True, is_mobile=True) as (context, _):
        page = await context.new_page()
        await page.goto(address(desk, sessions))
        await expect(pane(page, "north")).to_be_visible()
        await expect(pane(page, "south")).to_be_hidden()
        await page.get_by_role("group", name="Open sessions").get_by_text("south").tap()
        await expect(pane(page, "south").get_by_text("Good morning.")).to_be_visible()
        await expect(pane(page, "north")).to_be_hidden()
        await page.reload()
        await expect(pane(page, "south")).to_be_visible()
        assert not await all_small_targets(page)
        assert not await wider_than_the_window(page)
        assert not await axe_violations(page)


async def test_four_panes_are_accessible_and_take_no_fifth(page: Page, desk: Desk) -> None:
    sessions = await open_sessions(desk, "p1", "p2", "p3", "p4", "p5")
    await page.set_viewport_size({"width": 1920, "height": 900})
    await page.goto(address(desk, sessions[:4]))
    for n in range(1, 5):
        await expect(pane(page, f"p{n}").get_by_text("Good morning.")).to_be_visible()
    assert not await axe_violations(page)
    assert not await wider_than_the_window(page)
    await row(page, "p5").focus()
    await page.keyboard.press("b")
    await expect(page.locator("[data-pane]")).to_have_count(4)
    await expect(pane(page, "p5")).to_be_hidden()
