"""One session in two browsers: what is done in one is seen in the other."""

from playwright.async_api import Browser, expect

from tests.browser.desk import Desk, window
from tests.browser.steps import answer, ask, log, prompt_field, said, send


async def test_an_ask_that_is_answered_in_one_closes_in_the_other(browser: Browser, desk: Desk) -> None:
    folder = desk.repository("asked").path
    session = await desk.session(folder, "scripted")
    async with window(browser, desk) as (first, _), window(browser, desk) as (second, _):
        one, other = await first.new_page(), await second.new_page()
        await one.goto(desk.page_of(session))
        await other.goto(f"{desk.url}/needs")
        await send(one, "write")
        await expect(ask(one)).to_contain_text("Write note.txt")
        await expect(other.get_by_role("main").get_by_role("link", name="write", exact=True)).to_be_visible()
        await other.goto(desk.page_of(session))
        await expect(ask(other)).to_contain_text("Write note.txt")
        await answer(one, "Deny")
        await expect(ask(other)).to_be_hidden()
        await expect(prompt_field(other)).to_be_visible()
        await expect(log(other).get_by_text("Denied by ada")).to_be_visible()
        await other.goto(f"{desk.url}/needs")
        await expect(other.get_by_text("Nothing needs you.")).to_be_visible()
    assert not (folder / "note.txt").exists()


async def test_a_prompt_that_is_queued_in_one_appears_in_the_other(browser: Browser, desk: Desk) -> None:
    session = await desk.session(desk.repository("queued").path, "scripted")
    async with window(browser, desk) as (first, _), window(browser, desk) as (second, _):
        one, other = await first.new_page(), await second.new_page()
        await one.goto(desk.page_of(session))
        await other.goto(desk.page_of(session))
        await send(one, "hold")
        await expect(said(other, "Holding.")).to_be_visible()
        await send(one, "greet", button="Queue")
        await expect(other.get_by_role("region", name="Queue")).to_contain_text("greet")
        await other.get_by_role("button", name="Stop the run").click()
        await expect(one.get_by_text("Held: nothing is sent until you release it.")).to_be_visible()
        composer = one.get_by_role("form", name="Composer")
        await expect(composer.get_by_role("button", name="Queue", exact=True)).to_be_visible()
        await one.get_by_role("button", name="Release the queue").click()
        await expect(said(other, "Good morning.")).to_be_visible()
        await expect(other.get_by_role("region", name="Queue")).to_be_hidden()


async def test_a_password_that_is_changed_in_one_signs_the_other_out(browser: Browser, desk: Desk) -> None:
    async with window(browser, desk) as (first, _), window(browser) as (second, watch):
        one, other = await first.new_page(), await second.new_page()
        await other.goto(desk.url)
        await other.get_by_label("Name", exact=True).fill("ada")
        await other.get_by_label("Password", exact=True).fill("correct horse")
        await other.get_by_role("button", name="Sign in").click()
        await expect(other.get_by_role("tree")).to_be_visible()
        await one.goto(f"{desk.url}/settings/account")
        await one.get_by_label("Current password").fill("correct horse")
        await one.get_by_label("New password").fill("battery staple")
        await one.get_by_role("button", name="Change the password").click()
        await expect(one.get_by_text("The password is changed")).to_be_visible()
        await expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
        watch.forgive("401")
