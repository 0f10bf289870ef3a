"""What the first load costs, and that nothing but Main is called."""

from playwright.async_api import Browser

from tests.browser.desk import Desk, window
from tests.support.page_load import measured_load

KIB = 1024
LOGIN_WIRE_BYTES = 40 * KIB
MAIN_WIRE_BYTES = 260 * KIB
SCRIPT_BYTES = 140 * KIB
REQUESTS = 15


async def test_the_sign_in_page_is_small_and_brings_no_code_of_the_app(browser: Browser, desk: Desk) -> None:
    async with window(browser) as (context, watch):
        page = await context.new_page()
        load = await measured_load(page, f"{desk.url}/login", "input[type=password]")
        fonts = await page.evaluate(
            "[...document.fonts].filter((one) => one.status === 'loaded').map((one) => one.family)"
        )
        watch.forgive("401")
    assert "Atkinson Sign-in" in fonts
    assert load.wire_bytes <= LOGIN_WIRE_BYTES, load
    assert not any(name.startswith(("app", "App")) for name in load.scripts), load.scripts


async def test_the_first_page_after_it_keeps_its_budget(browser: Browser, desk: Desk) -> None:
    async with window(browser, desk) as (context, _):
        load = await measured_load(await context.new_page(), f"{desk.url}/", "[role=tree]")
    assert load.script_bytes <= SCRIPT_BYTES, load
    assert load.wire_bytes <= MAIN_WIRE_BYTES, load
    assert load.requests <= REQUESTS, load


async def test_terminal_and_editor_come_only_when_they_are_opened(browser: Browser, desk: Desk) -> None:
    session = await desk.session(desk.repository("lazy").path, "scripted")
    async with window(browser, desk) as (context, _):
        load = await measured_load(await context.new_page(), desk.page_of(session), "[role=form], form")
    assert not any(name.startswith(("TerminalPanel", "FilesPanel", "ChangesPanel")) for name in load.scripts), load
    assert load.script_bytes <= SCRIPT_BYTES, load
