"""People, API tokens and the audit on the page: what owners do, and what others see and do not see."""

import contextlib
import re
from collections.abc import AsyncIterator

import aiohttp
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.desk import NAME, Desk, window
from tests.browser.measures import axe_violations, wider_than_the_window
from tests.browser.steps import sign_in
from tests.support.chromium import Watch

PASSWORD = "long enough"
PHONE = {"width": 390, "height": 844}


def person(page: Page, name: str) -> Locator:
    return page.get_by_role("main").get_by_role("listitem").filter(has_text=re.compile(rf"^{name}\b"))


async def act(page: Page, name: str, item: str) -> None:
    await page.get_by_role("button", name=f"Acts on {name}", exact=True).click()
    await page.get_by_role("menuitem", name=item).click()


@contextlib.asynccontextmanager
async def added(desk: Desk, name: str, role: str = "member", *grants: tuple[str, str]) -> AsyncIterator[str]:
    """A person by the wire; their id."""
    given = [{"node": node, "role": granted} for node, granted in grants]
    made = await desk.client.op("users.create", username=name, password=PASSWORD, role=role, grants=given)
    try:
        yield str(made["user"]["id"])
    finally:
        with contextlib.suppress(Exception):
            _ = await desk.client.op("users.remove", user=made["user"]["id"])


@contextlib.asynccontextmanager
async def signed_in(browser: Browser, desk: Desk, name: str) -> AsyncIterator[tuple[Page, Watch]]:
    async with window(browser) as (context, watch):
        page = await context.new_page()
        await sign_in(page, desk.url, name, PASSWORD)
        await expect(page.get_by_role("heading", level=1, name="Work")).to_be_visible()
        yield page, watch


async def test_an_owner_adds_somebody_who_then_sees_what_is_shared(desk: Desk, browser: Browser, page: Page) -> None:
    await page.goto(f"{desk.url}/settings/people")
    await page.get_by_role("button", name="Add a person").click()
    await page.get_by_label("Name", exact=True).fill("grace")
    await page.get_by_role("button", name="Make one").click()
    password = await page.get_by_label("Password", exact=True).input_value()
    assert re.fullmatch(r"(?:[a-z2-9]{5}-){3}[a-z2-9]{5}", password)
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_text("grace can sign in now.")).to_be_visible()
    assert password not in await page.inner_text("main")
    await expect(person(page, "grace")).to_contain_text("no machine yet")
    async with window(browser) as (context, watch):
        theirs = await context.new_page()
        await sign_in(theirs, desk.url, "grace", password)
        await expect(theirs.get_by_role("main").get_by_text("No machine is shared with you yet.")).to_be_visible()

        await page.get_by_role("button", name="Change grace").click()
        await page.get_by_label("Every machine, later ones too").select_option("may look")
        await page.get_by_role("button", name="Save").click()
        await expect(person(page, "grace")).to_contain_text("looks at every machine")
        await expect(theirs.get_by_role("treeitem").first).to_be_visible()
        await theirs.goto(f"{desk.url}/m/{desk.node}")
        await expect(theirs.get_by_text("may look there and change nothing")).to_be_visible()
        await expect(theirs.get_by_role("link", name="Start a session here")).to_be_hidden()

        await act(page, "grace", "Remove")
        await page.get_by_role("button", name="Remove grace").click()
        await expect(person(page, "grace")).to_be_hidden()
        await expect(theirs.get_by_role("heading", name="Sign in")).to_be_visible()
        watch.forgive("401")


async def test_the_last_owner_stays_and_the_page_says_why(desk: Desk, page: Page, watch: Watch) -> None:
    await page.goto(f"{desk.url}/settings/people")
    await page.get_by_role("button", name=f"Change {NAME}").click()
    await page.get_by_role("group", name="Role").get_by_text("Viewer").click()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_contain_text("owner")
    await page.get_by_role("button", name="Cancel").click()
    await act(page, NAME, "Remove")
    await page.get_by_role("button", name=f"Remove {NAME}").click()
    await expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("owner")
    assert watch.faults == []


async def test_a_forgotten_password_is_replaced(desk: Desk, browser: Browser, page: Page) -> None:
    async with added(desk, "lin"), signed_in(browser, desk, "lin") as (theirs, watch):
        await page.goto(f"{desk.url}/settings/people")
        await act(page, "lin", "New password")
        await page.get_by_role("dialog").get_by_label("Password", exact=True).fill("short")
        await page.get_by_role("button", name="Set the password").click()
        await expect(page.get_by_role("dialog")).to_contain_text("8")
        await page.get_by_role("dialog").get_by_label("Password", exact=True).fill("another one")
        await page.get_by_role("button", name="Set the password").click()
        await expect(page.get_by_text("The new password of lin.")).to_be_visible()
        await expect(theirs.get_by_role("heading", name="Sign in")).to_be_visible()
        await sign_in(theirs, desk.url, "lin", "another one")
        await expect(theirs.get_by_role("heading", level=1, name="Work")).to_be_visible()
        watch.forgive("401")


async def test_others_have_no_acts_of_owners(desk: Desk, browser: Browser) -> None:
    async with added(desk, "vic", "viewer", ("*", "viewer")), signed_in(browser, desk, "vic") as (page, _):
        await page.goto(f"{desk.url}/m")
        await expect(page.get_by_text("Only owners of this Main can add machines.")).to_be_visible()
        await expect(page.get_by_role("link", name="Add a machine")).to_be_hidden()
        await page.goto(f"{desk.url}/add")
        await expect(page.get_by_text("Only owners of this Main can add machines.")).to_be_visible()
        await page.goto(f"{desk.url}/new")
        await expect(page.get_by_text("You may only look on the machines that are online.")).to_be_visible()
        for place in ("people", "audit"):
            await page.goto(f"{desk.url}/settings/{place}")
            await expect(page.get_by_text("Only owners see this.")).to_be_visible()
        sections = page.get_by_role("navigation", name="Settings")
        await expect(sections.get_by_role("link", name="API tokens")).to_be_visible()
        await expect(sections.get_by_role("link", name="People")).to_be_hidden()


async def test_who_may_look_is_told_so_where_others_answer(desk: Desk, browser: Browser) -> None:
    session = await desk.session(desk.repository("looked-at").path, "scripted")
    await desk.send(session, "write")
    await desk.until(session, "waiting")
    async with added(desk, "vea", "viewer", ("*", "viewer")), signed_in(browser, desk, "vea") as (page, _):
        told = page.get_by_role("main").get_by_text("answers this; you may look.")
        for place in (desk.page_of(session), f"{desk.url}/needs"):
            await page.goto(place)
            await expect(told).to_be_visible()
            await expect(page.get_by_role("button", name="Allow once")).to_be_hidden()
            await expect(page.get_by_role("link", name="Needs you", exact=True)).to_be_visible()
            await expect(page).not_to_have_title(re.compile(r"^\("))
        await expect(page.get_by_role("main").get_by_text("What stands here waits for others")).to_be_visible()
        await desk.client.op("session.interrupt", node=desk.node, session=session)
        await page.goto(desk.page_of(session))
        await expect(page.get_by_text("You may look at this session, not write to it.")).to_be_visible()


async def test_an_api_token_is_shown_once_works_and_ends(desk: Desk, page: Page) -> None:
    await page.goto(f"{desk.url}/settings/tokens")
    await page.get_by_role("button", name="Make a token").click()
    await page.get_by_label("Name", exact=True).fill("nightly build")
    await page.get_by_role("button", name="Make it").click()
    secret = await page.get_by_label("API tokens").inner_text()
    assert secret.startswith("sy_")
    address, bearer = f"{desk.url}/api/ops/nodes.list", {"Authorization": f"Bearer {secret}"}
    async with aiohttp.ClientSession(headers=bearer) as http:
        async with http.get(address) as answer:
            assert answer.status == 200
        await page.get_by_role("button", name="Done").click()
        await expect(page.get_by_text(secret)).to_be_hidden()
        await page.reload()
        await expect(page.get_by_text("nightly build")).to_be_visible()
        assert secret not in await page.content()
        await page.get_by_role("button", name="Revoke nightly build").click()
        await page.get_by_role("button", name="Revoke the token").click()
        await expect(page.get_by_text("There are no API tokens.")).to_be_visible()
        async with http.get(address) as answer:
            assert answer.status == 401


async def test_the_audit_says_who_did_what_and_its_address_keeps_the_filters(desk: Desk, page: Page) -> None:
    async with added(desk, "mallory"):
        pass
    await page.goto(f"{desk.url}/settings/audit")
    table = page.get_by_role("table", name="Audit")
    await expect(table.get_by_role("row").filter(has_text="removed a person").first).to_contain_text(NAME)
    await page.get_by_label("What").select_option("People")
    await expect(page).to_have_url(re.compile(r"what=user\."))
    await expect(table.get_by_role("row").filter(has_text="added a person").first).to_be_visible()
    await expect(table.get_by_role("row").filter(has_text="signed in")).to_have_count(0)
    await page.reload()
    await expect(page.get_by_label("What")).to_have_value("user.")
    await page.get_by_label("Who").fill("nobody of that name")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Nothing matches these filters.")).to_be_visible()
    await page.get_by_role("button", name="Drop the filters").click()
    await expect(page).to_have_url(f"{desk.url}/settings/audit")


async def test_the_audit_can_be_read_on_a_phone(desk: Desk, browser: Browser) -> None:
    async with window(browser, desk, PHONE, has_touch=True, is_mobile=True) as (context, _):
        page = await context.new_page()
        for place in ("people", "tokens", "audit"):
            await page.goto(f"{desk.url}/settings/{place}")
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
            await expect(page.get_by_role("status").filter(has_text="Loading")).to_have_count(0)
            assert await wider_than_the_window(page) == []
            assert await axe_violations(page) == []


async def test_keys_are_changed_by_keyboard_alone(desk: Desk, page: Page) -> None:
    await page.goto(f"{desk.url}/settings/keys")
    key = page.get_by_role("button", name="Change the key for Machines")
    await key.focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("j")
    await expect(page.get_by_text("is the key for “Next row” already")).to_be_visible()
    await page.keyboard.press("q")
    await expect(page.get_by_role("button", name="Change the key for Machines: q")).to_be_visible()
    await page.keyboard.press("q")
    await expect(page).to_have_url(f"{desk.url}/m")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keys")).to_contain_text("q")
    await page.keyboard.press("Escape")
    await page.goto(f"{desk.url}/settings/keys")
    await page.get_by_role("button", name="Back to the first keys").click()
    await expect(page.get_by_role("button", name="Change the key for Machines: g m")).to_be_visible()
