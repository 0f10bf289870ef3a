"""The page at other addresses than loopback's root: plain http by a name, and below a path."""

import socket
from pathlib import Path

from playwright.async_api import Browser, expect

from tests.browser.desk import running_desk, window
from tests.browser.steps import answer, ask, log, panel, said, send, sign_in, sign_up, terminal, type_in_terminal
from tests.support.chromium import chromium


async def test_over_plain_http_by_name_it_works_without_what_only_secure_pages_have(tmp_path: Path) -> None:
    name = socket.gethostname()
    async with (
        running_desk(tmp_path) as desk,
        chromium(f"--host-resolver-rules=MAP {name} 127.0.0.1") as browser,
        window(browser) as (context, _),
    ):
        await desk.sign_up()
        folder = desk.repository().path
        session = await desk.session(folder, "scripted")
        elsewhere = desk.url.replace("127.0.0.1", name)
        page = await context.new_page()
        await page.goto(elsewhere)
        assert await page.evaluate("[isSecureContext, typeof crypto.randomUUID, typeof navigator.clipboard]") == [
            False,
            "undefined",
            "undefined",
        ]
        await expect(page.get_by_text("This page came over plain http")).to_be_visible()
        await sign_in(page, elsewhere)
        await expect(page.get_by_role("tree")).to_be_visible()
        await page.goto(f"{elsewhere}/m/{desk.node}/s/{session}?panel=terminal")
        await send(page, "write")
        await expect(ask(page)).to_contain_text("Write note.txt")
        await answer(page, "Allow once")
        await expect(said(page, "Noted.")).to_be_visible()
        await log(page).get_by_role("button", name="More acts").first.click()
        await page.get_by_role("menuitem", name="Copy this prompt").click()
        await panel(page).get_by_role("button", name="Start a shell").click()
        await type_in_terminal(page, "echo plain $((40 + 2))")
        await expect(terminal(page)).to_contain_text("plain 42")


async def test_below_a_path_everything_works(browser: Browser, tmp_path: Path) -> None:
    async with running_desk(tmp_path, {"server.base_path": "/yard"}) as desk, window(browser) as (context, watch):
        page = await context.new_page()
        await sign_up(page, f"{desk.url}/")
        await desk.client.login()
        await desk.await_node()
        session = await desk.session(desk.repository().path, "scripted")
        await page.get_by_role("link", name="Settings").click()
        await expect(page).to_have_url(f"{desk.url}/settings")
        await page.goto(desk.page_of(session, "terminal"))
        await send(page, "write")
        await answer(page, "Allow once")
        await expect(said(page, "Noted.")).to_be_visible()
        await panel(page).get_by_role("button", name="Start a shell").click()
        await type_in_terminal(page, "echo below $((40 + 2))")
        await expect(terminal(page)).to_contain_text("below 42")
        await page.reload()
        await expect(said(page, "Noted.")).to_be_visible()
        await expect(terminal(page)).to_contain_text("below 42")
        await page.get_by_role("link", name="Switchyard").click()
        await expect(page).to_have_url(f"{desk.url}/")
        outside = {
            request.url for request in watch.requests if not request.url.startswith((desk.url, "data:", "blob:"))
        }
        assert outside == set()
