"""Main and the node die in the middle of a turn: the page says so, and nothing is lost or doubled."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.desk import Desk, running_desk, window
from tests.browser.steps import expect_log_as_journalled, log, panel, said, send, terminal, type_in_terminal
from tests.support.chromium import Watch
from tests.support.fake_node import FakeNode
from tests.support.waiting import eventually

REFUSED = ("ERR_CONNECTION", "WebSocket", "Failed to load resource")
COUNT = ",".join(str(number) for number in range(1, 21)) + ","


@pytest_asyncio.fixture(loop_scope="module")
async def own(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Desk, Page, Watch]]:
    """A desk that a test may break, and a page of it."""
    async with running_desk(tmp_path_factory.mktemp("home")) as desk:
        await desk.sign_up()
        async with window(browser, desk) as (context, watch):
            yield desk, await context.new_page(), watch
            watch.forgive(*REFUSED)


async def test_main_is_killed_while_a_turn_runs(own: tuple[Desk, Page, Watch]) -> None:
    desk, page, _ = own
    session = await desk.session(desk.repository().path)
    await page.goto(desk.page_of(session))
    await send(page, "slow 60 0.1\nsay The end.")
    await expect(log(page)).to_contain_text("chunk 3 ")
    await desk.main.kill()
    await expect(page.get_by_text(re.compile("Main has not answered for"))).to_be_visible()
    await send(page, "say Typed meanwhile.", button="Queue")
    await expect(page.get_by_text("Your message waits here").first).to_be_visible()
    await desk.start_main()
    await expect(page.get_by_text(re.compile("Main has not answered for"))).to_be_hidden(timeout=30_000)
    await expect(said(page, "The end.")).to_be_visible(timeout=30_000)
    await expect(said(page, "Typed meanwhile.")).to_be_visible(timeout=30_000)
    await desk.until(session, "idle")
    await expect_log_as_journalled(page, await desk.events(session))
    prompts = [event["text"] for event in await desk.events(session) if event["type"] == "user_message"]
    assert prompts == ["slow 60 0.1\nsay The end.", "say Typed meanwhile."]


async def test_the_node_is_killed_while_a_turn_and_a_terminal_run(own: tuple[Desk, Page, Watch]) -> None:
    desk, page, _ = own
    session = await desk.session(desk.repository().path)
    await page.goto(desk.page_of(session, "terminal"))
    await panel(page).get_by_role("button", name="Start a shell").click()
    await expect(terminal(page).get_by_role("textbox", name="Terminal input")).to_be_focused()
    await send(page, "say Remember the heron.\nhang")
    await expect(log(page)).to_contain_text("broken off")
    await type_in_terminal(page, "clear; for n in $(seq 20); do printf %s, $n; sleep 0.2; done; echo end")
    await expect(terminal(page)).to_contain_text("1,2,3,")
    desk.kill_node()
    await expect(log(page).get_by_text("node restarted in the middle of this turn")).to_be_visible(timeout=30_000)
    await expect(terminal(page)).to_contain_text(f"{COUNT}end", timeout=30_000)
    await type_in_terminal(page, "echo again $((40 + 2))")
    await expect(terminal(page)).to_contain_text("again 42")
    await send(page, "recall")
    await expect(said(page, "I remember:")).to_contain_text("Remember the heron.", timeout=30_000)
    await expect_log_as_journalled(page, await desk.events(session))


async def test_a_machine_that_goes_is_greyed_with_what_was_known_of_it(own: tuple[Desk, Page, Watch]) -> None:
    desk, page, _ = own
    token = (await desk.client.op("nodes.join"))["register_token"]
    await page.goto(f"{desk.url}/m")
    async with FakeNode(desk.main.url, id="attic", credential=token).online():
        await expect(page.get_by_role("listitem").filter(has_text="Attic")).to_contain_text("Online")
        await expect(page.get_by_role("treeitem", name="Attic")).to_be_visible()
    await expect(page.get_by_role("listitem").filter(has_text="Attic")).to_contain_text("Offline", timeout=30_000)
    await expect(page.get_by_role("treeitem", name=re.compile("Attic.*Offline"))).to_be_visible()
    await page.goto(f"{desk.url}/m/attic")
    await expect(page.get_by_role("main")).to_contain_text(re.compile("Offline (since|for)"))
    await expect(page.get_by_role("main")).to_contain_text("Its folders are shown when it is back.")


async def test_a_terminal_that_lost_main_keeps_its_screen_and_says_so(own: tuple[Desk, Page, Watch]) -> None:
    desk, page, _ = own
    session = await desk.session(desk.repository().path, "scripted")
    await page.goto(desk.page_of(session, "terminal"))
    await panel(page).get_by_role("button", name="Start a shell").click()
    await type_in_terminal(page, "echo kept $((40 + 2))")
    await expect(terminal(page)).to_contain_text("kept 42")
    await desk.main.kill()
    await expect(terminal(page)).to_contain_text("trying again")
    await expect(terminal(page)).to_contain_text("kept 42")
    await desk.start_main()
    await expect(terminal(page)).not_to_contain_text("trying again", timeout=30_000)
    await type_in_terminal(page, "echo back $((40 + 2))")
    await expect(terminal(page)).to_contain_text("back 42")

    async def is_whole() -> bool:
        return (await terminal(page).inner_text()).count("kept 42") == 1

    await eventually(is_whole, what="the old output to stand there once")
