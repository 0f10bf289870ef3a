"""Terminals of two machines in one window, and one in two: whose it is, whose size counts, what is said of it."""

import re
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from tests.browser.desk import Desk, window
from tests.browser.measures import axe_violations
from tests.browser.steps import open_shell, panel, terminal, type_in_terminal
from tests.browser.test_machines import another_machine
from tests.browser.test_panes import pane

WIDE = {"width": 1920, "height": 900}


async def show(page: Page, title: str) -> None:
    """The panel shows what belongs to that session's folder."""
    await pane(page, title).get_by_role("textbox", name=re.compile("What should be done")).click()


async def start(page: Page, title: str, machine: str) -> None:
    await show(page, title)
    await expect(panel(page).get_by_text(re.compile(f"^No terminal is open in .* on {machine}[.]$"))).to_be_visible()
    await panel(page).get_by_role("button", name="Start a shell").click()
    await expect(terminal(page)).to_have_accessible_name(re.compile(f" on {machine}[.]"))
    await type_in_terminal(page, f"clear; pwd; echo in-''{title}")
    await expect(terminal(page)).to_contain_text(f"in-{title}")


async def test_each_says_whose_it_is_and_takes_its_own_keys(page: Page, desk: Desk, tmp_path: Path) -> None:
    here = await desk.session(desk.repository("here").path, "scripted", title="here")
    (machine,) = (await desk.client.op("nodes.list"))["nodes"]
    own = str(machine["name"])
    await page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    async with another_machine(desk, tmp_path / "shed", "far-shed"):
        given = {"path": str(tmp_path / "shed"), "provider": "scripted", "title": "there"}
        there = (await desk.client.op("session.create", node="far-shed", **given))["session"]["id"]
        await page.goto(f"{desk.page_of(here)}?beside=far-shed/{there}&panel=terminal")
        await start(page, "here", own)
        await start(page, "there", "far-shed")
        await expect(terminal(page)).not_to_contain_text("in-here")
        await show(page, "here")
        await expect(terminal(page)).to_have_accessible_name(re.compile(f" on {own}[.]"))
        await expect(terminal(page)).to_contain_text("in-here")
        await type_in_terminal(page, "echo only-''here")
        await expect(terminal(page)).to_contain_text("only-here")
        await show(page, "there")
        await expect(terminal(page)).to_contain_text("in-there")
        await expect(terminal(page)).not_to_contain_text("only-here")
        assert await axe_violations(page) == []
        own_page = await page.context.new_page()
        await own_page.goto(f"{desk.url}/m/far-shed")
        listed = own_page.get_by_role("region", name="Terminals")
        await expect(listed.get_by_role("link", name=re.compile("^bash"))).to_be_visible()
    strip = terminal(page).get_by_role("status")
    await expect(strip).to_contain_text("What you type now is not sent.", timeout=30_000)
    await expect(page.get_by_text("far-shed stopped answering")).to_be_visible()
    await expect(terminal(page)).to_contain_text("in-there")
    await expect(listed.get_by_text("far-shed is away. What runs in its terminals runs on")).to_be_visible()
    await expect(listed.get_by_role("listitem")).to_have_count(0)
    await expect(own_page.get_by_label("What starts its node")).to_have_text("make run-node")
    await own_page.close()
    # It is told once, above, with what to do.
    await expect(panel(page).get_by_text("far-shed is offline")).to_have_count(0)
    await show(page, "here")
    await type_in_terminal(page, "echo still-''here")
    await expect(terminal(page)).to_contain_text("still-here")
    _ = await desk.client.op("nodes.remove", node="far-shed")


async def test_what_is_said_of_a_smaller_windows_size_covers_nothing(page: Page, desk: Desk, browser: Browser) -> None:
    session = await open_shell(page, desk, "small")
    await type_in_terminal(page, "seq 100; echo low-''down")
    await expect(terminal(page)).to_contain_text("low-down")
    async with window(browser, desk, {"width": 1280, "height": 500}) as (context, _):
        other = await context.new_page()
        await other.goto(desk.page_of(session, "terminal"))
        await expect(terminal(other)).to_contain_text("low-down")
        await type_in_terminal(other, "echo here")
        strip = terminal(page).get_by_role("status").filter(has_text="Sized by another window.")
        await expect(strip).to_be_visible()
        said = await strip.bounding_box()
        screen = await terminal(page).locator(".xterm-screen").bounding_box()
        assert said is not None
        assert screen is not None
        assert said["y"] >= screen["y"] + screen["height"]
        await type_in_terminal(other, "clear; stty size")
        await expect(terminal(page).locator(".xterm-rows")).to_contain_text(re.compile(r"\b2\d \d+"))
        await strip.get_by_role("button", name="Use the size of this window").click()
        await expect(strip).to_be_hidden()
        await type_in_terminal(page, "clear; stty size")
        await expect(terminal(page).locator(".xterm-rows")).to_contain_text(re.compile(r"\b[34]\d \d+"))
        narrow = terminal(other).get_by_role("status").filter(has_text="Sized by another window.")
        await expect(narrow).to_be_visible()
