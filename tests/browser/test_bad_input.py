"""What goes wrong is said on the page with its cause and its remedy, and nothing is lost."""

import asyncio
import re
from pathlib import Path

import psutil
import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.desk import Desk, running_desk, window
from tests.browser.measures import axe_violations
from tests.browser.steps import log, panel, said, send, sign_in
from tests.support.chromium import Watch

WRONG = "The name or the password is wrong."


def agent_processes(desk: Desk) -> list[psutil.Process]:
    """The CLIs below the node of this desk."""
    below = psutil.Process(desk.main.process.pid).children(recursive=True)
    return [process for process in below if "claude" in process.name()]


@pytest.mark.parametrize(
    ("settings", "environ", "remedy"),
    [
        ({"providers.claude.command": ["/nonexistent/claude"]}, {}, "npm install -g @anthropic-ai/claude-code"),
        ({}, {"ANTHROPIC_API_KEY": ""}, "claude auth login"),
    ],
    ids=["no CLI", "not signed in"],
)
async def test_an_agent_that_cannot_start_says_how_to_mend_it(
    browser: Browser, tmp_path: Path, settings: dict[str, object], environ: dict[str, str], remedy: str
) -> None:
    async with running_desk(tmp_path, {"providers.scripted.enabled": False, **settings}, environ) as desk:
        await desk.sign_up()
        async with window(browser, desk) as (context, _):
            page = await context.new_page()
            await page.goto(f"{desk.url}/new")
            alert = page.get_by_role("main").get_by_role("alert")
            await expect(alert.get_by_role("code").filter(has_text=remedy)).to_be_visible()
            assert await axe_violations(page) == []
            await expect(page.get_by_role("button", name="Start without a prompt")).to_be_disabled()


async def test_a_key_that_is_refused_is_told_in_the_log(page: Page, desk: Desk) -> None:
    session = await desk.session(desk.repository("refused").path)
    await page.goto(desk.page_of(session))
    await send(page, "error 401")
    await expect(log(page).get_by_text(re.compile("Failed.*claude auth login"))).to_be_visible()


async def test_an_agent_that_dies_in_mid_turn_is_told_and_resumes(page: Page, desk: Desk) -> None:
    session = await desk.session(desk.repository("dies").path)
    await page.goto(desk.page_of(session))
    # A whole turn first: the CLI writes its transcript a moment behind, so that a kill may take the last prompt along.
    await send(page, "say Remember the stork.")
    await expect(log(page).get_by_text("Done", exact=True)).to_be_visible()
    await send(page, "say Once more.\nhang")
    await expect(log(page)).to_contain_text("broken off")
    before = await asyncio.to_thread(agent_processes, desk)
    assert before
    for process in before:
        process.kill()
    await expect(log(page).get_by_text(re.compile("ended by signal 9.*resumes the session"))).to_be_visible()
    await send(page, "recall")
    await expect(said(page, "I remember:")).to_contain_text("Remember the stork.")


async def test_a_file_that_changed_meanwhile_keeps_both_texts(page: Page, desk: Desk) -> None:
    repository = desk.repository("conflict")
    session = await desk.session(repository.path, "scripted")
    await page.goto(desk.page_of(session, "files"))
    await panel(page).get_by_role("button", name=re.compile("^greet.py")).click()
    editor = panel(page).get_by_role("textbox", name=re.compile("greet.py on"))
    await editor.press("Control+Home")
    await page.keyboard.type("# mine ")
    (repository.path / "greet.py").write_text("# theirs\n")
    await panel(page).get_by_role("button", name="Save").click()
    notice = panel(page).get_by_role("alert")
    await expect(notice).to_contain_text("since you opened it")
    assert (repository.path / "greet.py").read_text() == "# theirs\n"
    await notice.get_by_role("button", name="Compare with theirs").click()
    await expect(panel(page)).to_contain_text("# theirs")
    await expect(panel(page)).to_contain_text("# mine def greet")
    await notice.get_by_role("button", name="Back to my text").click()
    await expect(editor).to_contain_text("# mine def greet")
    await notice.get_by_role("button", name="Overwrite with mine").click()
    await expect(panel(page).get_by_role("status")).to_contain_text("Saved")
    assert (repository.path / "greet.py").read_text().startswith("# mine def greet")


async def test_a_folder_outside_the_roots_is_refused_with_the_key_that_opens_it(page: Page, desk: Desk) -> None:
    await page.goto(f"{desk.url}/new?machine={desk.node}")
    await page.get_by_title("Choose another folder").click()
    await page.get_by_label("Path", exact=True).fill("/etc")
    await page.get_by_role("button", name="Go", exact=True).click()
    await expect(page.get_by_text(re.compile("filesystem.roots")).first).to_be_visible()


async def test_addresses_of_nothing_say_so(page: Page, desk: Desk) -> None:
    await page.goto(desk.page_of("no-such-session"))
    await expect(page.get_by_text("This session is not there (any more), or it is not yours to see.")).to_be_visible()
    await page.goto(f"{desk.url}/m/no-such-machine")
    await expect(page.get_by_text("There is no machine with this name, or it is not shared with you.")).to_be_visible()
    await page.goto(f"{desk.url}/m/a/%00/%zz")
    await expect(page.get_by_role("heading", name="Nothing here")).to_be_visible()


async def test_a_wrong_password_and_an_unknown_name_are_told_alike_and_throttled(browser: Browser, desk: Desk) -> None:
    async with window(browser) as (context, watch):
        page = await context.new_page()
        await sign_in(page, desk.url, "ada", "not the password")
        await expect(page.get_by_role("alert")).to_have_text(WRONG)
        await sign_in(page, desk.url, "nobody", "not the password")
        await expect(page.get_by_role("alert")).to_have_text(WRONG)
        for _ in range(4):
            async with page.expect_response("**/api/auth/login"):
                await page.get_by_role("button", name="Sign in").click()
            await expect(page.get_by_role("button", name="Sign in")).to_be_enabled()
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_contain_text("Too many attempts. Try again in")
        watch.forgive("401", "429")


async def test_an_editor_with_unsaved_text_asks_before_it_is_left(page: Page, desk: Desk, watch: Watch) -> None:
    repository = desk.repository("unsaved")
    session = await desk.session(repository.path, "scripted")
    await page.goto(desk.page_of(session, "files"))
    await panel(page).get_by_role("button", name=re.compile("^greet.py")).click()
    await panel(page).get_by_role("textbox", name=re.compile("greet.py on")).press("Control+Home")
    await page.keyboard.type("# mine ")
    await panel(page).get_by_role("button", name="Back to the list").click()
    asked = page.get_by_role("dialog", name="Leave greet.py without saving?")
    await asked.get_by_role("button", name="Keep editing").click()
    await expect(panel(page).get_by_role("textbox", name=re.compile("greet.py on"))).to_contain_text("# mine def")
    assert "# mine" not in (repository.path / "greet.py").read_text()
    assert watch.faults == []
