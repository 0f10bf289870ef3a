"""The log of a session: what runs in the background, what was undone, where a fork began, and how older turns come."""

import asyncio
import re

import msgspec
from playwright.async_api import Locator, Page, WebSocketRoute, expect

from tests.browser.desk import Desk
from tests.browser.measures import axe_violations
from tests.browser.steps import ask, log, said
from tests.support.waiting import eventually


async def scripted(desk: Desk, name: str) -> str:
    return await desk.session(desk.repository(name).path, "scripted", title=name)


async def turns(desk: Desk, session: str, *prompts: str) -> list[str]:
    """Run those turns; the ids of their prompts."""
    for prompt in prompts:
        before = len(await desk.events(session))
        await desk.send(session, prompt)

        async def has_ended(before: int = before) -> bool:
            return any(event["type"] == "turn_ended" for event in (await desk.events(session))[before:])

        await eventually(has_ended, what=f"the turn of {prompt} to end", deadline_s=30)
    return [event["message_id"] for event in await desk.events(session) if event["type"] == "user_message"]


async def settled(row: Locator) -> float:
    """Where a row stands, in pixels, once it moves no more."""
    seen: list[float] = []

    async def stands_still() -> bool:
        box = await row.bounding_box()
        seen.append(-1 if box is None else box["y"])
        await row.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return len(seen) > 3 and len(set(seen[-4:])) == 1

    await eventually(stands_still, what="the row to stand still")
    return seen[-1]


async def test_a_task_in_the_background_is_listed_while_idle_and_stopped(page: Page, desk: Desk) -> None:
    desk.play(leave=[{"do": "background", "title": "npm run watch"}, {"do": "say", "text": "It runs."}])
    session = await scripted(desk, "tasks")
    await desk.send(session, "leave")
    await desk.until(session, "idle")
    await page.goto(desk.page_of(session))
    await expect(page.get_by_text("1 task in the background")).to_be_visible()
    tasks = page.get_by_role("list", name="What runs in the background")
    await expect(tasks).to_contain_text("npm run watch")
    assert not await axe_violations(page)
    await tasks.get_by_role("button", name="Stop npm run watch").click()
    await expect(tasks).to_be_hidden()


async def test_a_tool_server_that_is_not_there_is_named_with_its_problem(page: Page, desk: Desk) -> None:
    servers = [{"name": "jira", "status": "failed", "problem": "The command is not there."}, {"name": "files"}]
    desk.play()
    file = desk.home / "conversation.json"
    file.write_bytes(msgspec.json.encode(msgspec.json.decode(file.read_bytes()) | {"servers": servers}))
    session = await scripted(desk, "servers")
    await desk.send(session, "greet")
    await desk.until(session, "idle")
    await page.goto(desk.page_of(session))
    await page.get_by_text("1 tool server is not there").click()
    listed = page.get_by_role("list", name="Tool servers")
    await expect(listed.get_by_role("listitem")).to_have_text(
        [re.compile("jira failed: The command is not there."), re.compile("files connected")]
    )
    await page.get_by_role("button", name="Acts on the session").click()
    await expect(page.get_by_role("menuitem", name="Show the tool servers")).to_be_visible()
    desk.play()


async def test_what_going_back_undid_is_folded_under_one_line(page: Page, desk: Desk) -> None:
    session = await scripted(desk, "back")
    desk.play(one=[{"do": "say", "text": "First done."}], two=[{"do": "say", "text": "Second done."}])
    _, second = await turns(desk, session, "one", "two")
    _ = await desk.client.op("session.rewind", node=desk.node, session=session, message_id=second)
    await page.goto(desk.page_of(session))
    line = log(page).get_by_role("button", name=re.compile("Went back to before turn 2 · 1 turn undone · by ada"))
    await expect(line).to_have_attribute("aria-expanded", "false")
    await expect(said(page, "First done.")).to_be_visible()
    await expect(said(page, "Second done.")).to_be_hidden()
    await line.click()
    await expect(said(page, "Second done.")).to_be_visible()
    assert not await axe_violations(page)
    await line.click()
    await turns(desk, session, "greet")
    await expect(log(page).get_by_role("group", name="Turn 2")).to_contain_text("greet")
    await expect(log(page).get_by_role("group", name="Turn 3")).to_be_hidden()


async def test_a_fork_tells_where_it_began_and_leads_there(page: Page, desk: Desk) -> None:
    session = await scripted(desk, "source")
    await turns(desk, session, "greet", "greet", "greet")
    head = next(event["seq"] for event in await desk.events(session) if event["type"] == "turn_ended")
    made = await desk.client.op("session.fork", node=desk.node, session=session, seq=head, title="branch")
    await page.goto(desk.page_of(made["session"]["id"]))
    origin = page.get_by_text("Forked from")
    await expect(origin).to_contain_text("source")
    await origin.get_by_role("link").click()
    await expect(page).to_have_title(re.compile("source"))
    await expect(log(page).get_by_role("group", name="Turn 1")).to_be_in_viewport()


async def test_older_turns_come_without_moving_what_is_read(page: Page, desk: Desk) -> None:
    rounds: list[dict[str, object]] = []
    for number in range(500):
        rounds += [{"do": "think", "text": "Next."}, {"do": "say", "text": f"Line {number}.", "pieces": 1}]
    desk.play(long=rounds)
    session = await scripted(desk, "long")
    await desk.send(session, "long")
    await desk.until(session, "idle")
    released = asyncio.Event()
    asked: set[int] = set()

    async def hold(route: WebSocketRoute) -> None:
        """Older pages wait for `released`; all else goes through."""
        server = route.connect_to_server()

        def sent(message: str | bytes) -> None:
            text = str(message)
            found = re.search(r'"id":(\d+),"method":"session.events".*"before":(\d+)', text)
            if found and int(found[2]) < 2**52:
                asked.add(int(found[1]))
            server.send(message)

        async def received(message: str | bytes) -> None:
            found = re.match(r'{"jsonrpc":"2.0","id":(\d+),', str(message))
            if found and int(found[1]) in asked:
                await released.wait()
            route.send(message)

        route.on_message(sent)
        server.on_message(received)

    await page.route_web_socket(re.compile("/ws"), hold)
    await page.goto(desk.page_of(session))
    await expect(said(page, "Line 499.")).to_be_visible()
    scroller = log(page).locator(".scroller")
    await scroller.hover()
    held = said(page, "Line 470.")

    async def is_in_sight() -> bool:
        await page.mouse.wheel(0, -300)
        await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return await held.is_visible()

    await eventually(is_in_sight, what="the line to be in sight")
    before = await settled(held)
    rows = await log(page).get_by_role("listitem").first.get_attribute("aria-setsize")
    released.set()
    await expect(log(page).get_by_role("listitem").first).not_to_have_attribute("aria-setsize", rows or "")
    assert abs(before - await settled(held)) <= 1
    await scroller.evaluate("(element) => element.scrollTo(0, 0)")
    await expect(said(page, "Line 0.")).to_be_visible()


async def test_the_asks_of_sub_agents_are_a_stack_and_their_work_stands_under_their_calls(
    page: Page, desk: Desk
) -> None:
    """With the real CLI, whose three sub-agents ask at the same time while the agent itself goes on."""
    folder = desk.repository("stack").path
    session = await desk.session(folder, "claude", title="stack")
    names = [f"made-{n}" for n in (1, 2, 3)]
    await desk.send(
        session, "\n".join(["par 3", *(f"agent run touch {name}; say it is made" for name in names), "hang"])
    )
    await page.goto(desk.page_of(session))
    await expect(ask(page)).to_contain_text("1 of 3")
    asked = []
    for place in (1, 2, 3):
        await expect(ask(page)).to_contain_text(f"{place} of 3")
        asked.append(await ask(page).get_by_text(re.compile(r"^touch made-\d$")).inner_text())
        if place < 3:
            await ask(page).get_by_role("button", name="Next ask").click()
    assert sorted(asked) == [f"touch {name}" for name in names]
    inner = [log(page).get_by_text(f"touch {name}", exact=True) for name in names]
    for line in inner:
        await expect(line).to_be_visible()
    folds = log(page).get_by_role("button", name="1 step", exact=True)
    await expect(folds).to_have_count(3)
    await folds.first.click()
    await expect(inner[0]).to_be_hidden()
    await expect(inner[1]).to_be_visible()
    assert await axe_violations(page) == []
    await folds.first.click()
    for left in (2, 1, 0):
        await ask(page).get_by_role("button", name="Allow once", exact=True).click()
        await expect(log(page).get_by_text("waits for you")).to_have_count(left)
    await expect(ask(page)).to_be_hidden()
    for name in names:
        await eventually((folder / name).exists, what=f"{name} to be made")
