"""One person on two devices: drafts, what was looked at and keys go along; what waits on a device is sent once."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Error, Page, WebSocketRoute, expect

from tests.browser.desk import PHONE, Desk, running_desk, window
from tests.browser.steps import prompt_field, said, send
from tests.support.waiting import eventually

REFUSED = ("ERR_CONNECTION", "WebSocket", "Failed to load resource")


@pytest_asyncio.fixture(loop_scope="module")
async def phone(browser: Browser, desk: Desk) -> AsyncIterator[Page]:
    async with window(browser, desk, viewport=PHONE) as (context, _):
        yield await context.new_page()


async def test_a_draft_goes_along_to_the_other_device_and_leaves_it_when_it_was_sent(
    desk: Desk, page: Page, phone: Page
) -> None:
    session = await desk.session(desk.repository("drafts").path)
    for each in (page, phone):
        await each.goto(desk.page_of(session))
    await prompt_field(page).fill("say Begun at the desk")
    await expect(prompt_field(phone)).to_have_value("say Begun at the desk")
    await prompt_field(phone).press_sequentially(", ended on the phone.")
    await expect(prompt_field(page)).to_be_focused()
    # Who stands in a text that is not empty keeps it; it comes when they have left.
    await expect(prompt_field(page)).to_have_value("say Begun at the desk")
    await eventually(
        lambda: phone.evaluate("Object.keys(localStorage).every((key) => !key.includes('unsent'))"),
        what="the draft to be kept",
    )
    await prompt_field(page).blur()
    await expect(prompt_field(page)).to_have_value("say Begun at the desk, ended on the phone.")
    await prompt_field(phone).blur()
    await send(page, "say Begun at the desk, ended on the phone.")
    await expect(prompt_field(phone)).to_have_value("")
    await phone.reload()
    await expect(said(phone, "Begun at the desk, ended on the phone.")).to_be_visible()
    await expect(prompt_field(phone)).to_have_value("")


async def test_a_draft_outlives_the_reload_and_the_device(desk: Desk, page: Page, browser: Browser) -> None:
    session = await desk.session(desk.repository("kept").path)
    await page.goto(desk.page_of(session))
    await prompt_field(page).fill("half a sentence")
    await page.reload()
    await expect(prompt_field(page)).to_have_value("half a sentence")
    async with window(browser, desk) as (other, _):
        fresh = await other.new_page()
        await fresh.goto(desk.page_of(session))
        await expect(prompt_field(fresh)).to_have_value("half a sentence")


async def test_what_was_looked_at_on_one_device_is_read_on_the_other(desk: Desk, page: Page, phone: Page) -> None:
    session = await desk.session(desk.repository("news").path, title="Look at me")

    async def is_unread() -> bool:
        rows = (await desk.client.op("session.list", query="Look at me"))["sessions"]
        return bool(rows[0]["unread"])

    watched = await desk.client.op("session.list", query="Look at me")
    assert [row["id"] for row in watched["sessions"]] == [session]
    await phone.goto(f"{desk.url}/m/{desk.node}")
    await page.goto(desk.page_of(session))
    await send(page, "say Something new.")
    await expect(said(page, "Something new.")).to_be_visible()
    await desk.until(session, "idle")

    async def is_read() -> bool:
        return not await is_unread()

    await eventually(is_read, what="the session to be read by whoever looks at it")
    await page.goto(f"{desk.url}/settings")
    await desk.send(session, "say And more.")
    await desk.until(session, "idle")
    await eventually(is_unread, what="news that nobody has looked at")
    unseen = "Done, not seen yet"
    mark = page.get_by_role("treeitem", name=re.compile(f"Look at me.*{unseen}|{unseen}.*Look at me"))
    await expect(mark).to_be_visible()
    await phone.goto(desk.page_of(session))
    await expect(said(phone, "And more.")).to_be_visible()
    await eventually(is_read, what="the session to be read on all devices")
    await expect(mark).to_be_hidden()


async def test_keys_belong_to_the_person_and_the_look_to_the_device(desk: Desk, page: Page, phone: Page) -> None:
    await page.goto(f"{desk.url}/settings/keys")
    await phone.goto(f"{desk.url}/settings/keys")
    letters = [each.get_by_role("switch", name=re.compile("[Ll]etter")) for each in (page, phone)]
    for each in letters:
        await expect(each).to_be_checked()
    await letters[0].click()
    await expect(letters[1]).not_to_be_checked()
    await letters[1].click()
    await expect(letters[0]).to_be_checked()
    await page.evaluate("localStorage.setItem('x', '1')")
    assert await phone.evaluate("localStorage.getItem('x')") is None  # they do share nothing but Main


async def test_a_prompt_whose_answer_was_lost_is_sent_again_and_runs_once(desk: Desk, page: Page) -> None:
    session = await desk.session(desk.repository("lost").path)
    sent: list[str] = []

    def between(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def from_page(message: str | bytes) -> None:
            call: Any = json.loads(message)
            if isinstance(call, dict) and call.get("method") == "session.send":
                sent.append(call["params"]["message_id"])
                if len(sent) == 1:
                    lost.append(call["id"])
            server.send(message)

        async def from_server(message: str | bytes) -> None:
            answer: Any = json.loads(message)
            if isinstance(answer, dict) and "result" in answer and answer.get("id") in lost:
                lost.clear()
                await route.close(code=4000, reason="cut")
                return
            route.send(message)

        lost: list[int] = []
        route.on_message(from_page)
        server.on_message(from_server)

    await page.route_web_socket(re.compile(r"/ws\?"), between)
    await page.goto(desk.page_of(session))
    await send(page, "say Only once.")
    await expect(said(page, "Only once.")).to_be_visible(timeout=30_000)
    await eventually(lambda: len(sent) == 2, what="the prompt to be sent again")
    assert len(set(sent)) == 1
    await expect(page.get_by_text("Your message waits here")).to_be_hidden()
    await desk.until(session, "idle")
    assert [event["text"] for event in await desk.events(session) if event["type"] == "user_message"] == [
        "say Only once."
    ]


async def test_prompts_typed_while_main_is_away_wait_on_the_device_and_go_once_and_in_order(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with running_desk(tmp_path_factory.mktemp("home")) as desk:
        await desk.sign_up()
        session = await desk.session(desk.repository().path)
        async with window(browser, desk) as (context, watch):
            page = await context.new_page()
            await page.goto(desk.page_of(session))
            await expect(prompt_field(page)).to_be_visible()
            await desk.main.kill()
            await expect(page.get_by_text(re.compile("Main has not answered for"))).to_be_visible()
            await send(page, "say One.")
            await send(page, "say Two.")
            await expect(page.get_by_text("Your message waits here").first).to_be_visible()
            with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"):
                await page.reload()
            await desk.start_main()
            await page.goto(desk.page_of(session))
            await expect(said(page, "Two.")).to_be_visible(timeout=30_000)
            await desk.until(session, "idle")
            prompts = [event["text"] for event in await desk.events(session) if event["type"] == "user_message"]
            assert prompts == ["say One.", "say Two."]
            await expect(page.get_by_text("Your message waits here")).to_be_hidden()
            await page.reload()
            await expect(said(page, "Two.")).to_be_visible()
            assert len([event for event in await desk.events(session) if event["type"] == "user_message"]) == 2
            watch.forgive(*REFUSED)
