"""Machines on the page: one that is added while the page looks, its facts, filters, names, and the end of it."""

import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.desk import Desk, window
from tests.browser.measures import axe_violations, wider_than_the_window
from tests.support.chromium import Watch
from tests.support.client import OpError
from tests.support.installation import scripted
from tests.support.processes import Program, node_settings, running

PHONE = {"width": 390, "height": 844}


@contextlib.asynccontextmanager
async def another_machine(desk: Desk, home: Path, name: str = "shed") -> AsyncIterator[Program]:
    """A node of its own that dials the desk's Main, labelled `room=attic`."""
    token = str((await desk.client.op("nodes.join"))["register_token"])
    more = {"node.id": name, "node.name": name, "node.labels": {"room": "attic"}}
    async with running("app.py", home, node_settings(desk.main, token, **more) | scripted(home)) as node:
        _ = await desk.client.online_node(name)
        yield node


def machine(page: Page, name: str) -> Locator:
    """Its row in the list."""
    return page.get_by_role("main").get_by_role("listitem").filter(has=page.get_by_role("link", name=name, exact=True))


async def act(page: Page, name: str, item: str) -> None:
    await page.get_by_role("button", name=f"Acts on {name}", exact=True).click()
    await page.get_by_role("menuitem", name=item).click()


async def test_a_machine_is_added_while_the_page_looks(desk: Desk, page: Page, tmp_path: Path) -> None:
    token = str((await desk.client.op("nodes.join"))["register_token"])
    await page.goto(f"{desk.url}/m")
    await page.get_by_role("link", name="Add a machine").click()
    await expect(page.get_by_text("Waiting for the machine")).to_be_visible()
    assert token not in await page.inner_text("main")
    await expect(page.get_by_label("In the folder of Switchyard there")).to_contain_text("make join")
    await page.get_by_role("group", name="How the two find each other").get_by_text("Main calls it back").click()
    await expect(page.get_by_label("configs/node.toml")).to_contain_text("main_register_url")
    assert token not in await page.inner_text("main")
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_label("configs/node.toml")).to_contain_text(token)
    await expect(page.get_by_label("Let nobody else read them")).to_have_text("chmod 600 configs/node.toml")
    async with another_machine(desk, tmp_path / "shed"):
        await expect(page.get_by_text("shed is here.")).to_be_visible()
        await page.get_by_role("link", name="Open shed").click()
        await expect(page.get_by_role("heading", level=1, name="shed")).to_be_visible()
        await expect(page.get_by_text("may do everything there")).to_be_visible()
        await expect(page.get_by_role("link", name="Show only machines with room=attic")).to_be_visible()
        await act(page, "shed", "Remove machine")
        await page.get_by_role("button", name="Remove shed").click()
        await expect(machine(page, "shed")).to_be_hidden()


async def test_the_address_keeps_which_machines_are_shown(desk: Desk, page: Page, tmp_path: Path) -> None:
    async with another_machine(desk, tmp_path / "shed", "attic-box"):
        await page.goto(f"{desk.url}/m?label=room%3Dattic")
        await expect(machine(page, "attic-box")).to_be_visible()
        await expect(page.get_by_role("main").get_by_role("heading", level=2)).to_have_count(1)
        await page.get_by_role("group", name="Which machines").get_by_text("Offline").first.click()
        await expect(page).to_have_url(re.compile(r"state=offline&label=room%3Dattic"))
        await expect(page.get_by_text("No machine matches.")).to_be_visible()
        await page.reload()
        await expect(page.get_by_text("No machine matches.")).to_be_visible()
        await page.get_by_role("button", name="Show all machines").click()
        await expect(page).to_have_url(f"{desk.url}/m")
        await expect(machine(page, "attic-box")).to_be_visible()
        _ = await desk.client.op("nodes.remove", node="attic-box")


async def test_a_new_name_is_everywhere_and_one_that_turns_the_text_is_refused(
    desk: Desk, page: Page, tmp_path: Path
) -> None:
    async with another_machine(desk, tmp_path / "shed", "named"):
        await page.goto(f"{desk.url}/m/named")
        await act(page, "named", "Rename")
        await page.get_by_label("Name", exact=True).fill("quiet box")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1, name="quiet box")).to_be_visible()
        await expect(page.get_by_role("treeitem", name=re.compile("quiet box"))).to_be_visible()
        with pytest.raises(OpError) as refused:
            _ = await desk.client.op("nodes.rename", node="named", name="quiet\u202exob")
        assert refused.value.code == "invalid"
        _ = await desk.client.op("nodes.remove", node="named")
        await expect(page.get_by_text("There is no machine with this name")).to_be_visible()


async def test_this_machine_cannot_be_removed_and_the_page_says_why(desk: Desk, page: Page) -> None:
    name = str((await desk.client.op("nodes.list"))["nodes"][0]["name"])
    await page.goto(f"{desk.url}/m/{desk.node}")
    await act(page, name, "Remove machine")
    await page.get_by_role("button", name=f"Remove {name}").click()
    await expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("main.local_node")
    await expect(page.get_by_role("dialog")).to_contain_text("Journals, files and terminals stay on it.")


async def test_a_session_is_whole_again_when_its_machine_was_removed_and_added_again(
    desk: Desk, page: Page, watch: Watch, tmp_path: Path
) -> None:
    home = tmp_path / "shed"
    async with another_machine(desk, home, "again"):
        folder = home / "work"
        folder.mkdir()
        made = await desk.client.op("session.create", node="again", path=str(folder), provider="scripted")
        session = str(made["session"]["id"])
        await page.goto(f"{desk.url}/m/again/s/{session}")
        await expect(page.get_by_role("textbox", name=re.compile("What should be done on"))).to_be_visible()
        _ = await desk.client.op("nodes.remove", node="again")
        await expect(page.get_by_role("region", name="Link")).to_contain_text("There is no machine")
    (home / ".switchyard" / "node.db").rename(home / "kept.db")
    async with another_machine(desk, home, "again"):
        await expect(page.get_by_role("region", name="Link")).to_be_hidden()
        other = await desk.client.op("session.create", node="again", path=str(home / "work"), provider="scripted")
        await page.goto(f"{desk.url}/m/again/s/{other['session']['id']}")
        await expect(page.get_by_role("textbox", name=re.compile("What should be done on"))).to_be_visible()
        _ = await desk.client.op("nodes.remove", node="again")
    watch.forgive("404")


@pytest.mark.parametrize("place", ["m", "add"])
async def test_a_phone_shows_them_whole(browser: Browser, desk: Desk, place: str) -> None:
    async with window(browser, desk, PHONE, has_touch=True, is_mobile=True) as (context, _):
        page = await context.new_page()
        await page.goto(f"{desk.url}/{place}")
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await expect(page.get_by_text(re.compile("Waiting for the machine|Round trip"))).to_be_visible()
        assert await wider_than_the_window(page) == []
        assert await axe_violations(page) == []
