"""Text from models, tools, files, branches, terminals and nodes stays text, whatever it is made of."""

import contextlib
import re
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.desk import Desk
from tests.browser.measures import foreign_markup
from tests.browser.steps import answer, ask, log, panel, send, terminal, type_in_terminal
from tests.support.waiting import eventually

ATTACKS = (
    "<img src=x onerror=\"window.__pwned='img'\">",
    "<script>window.__pwned='script'</script>",
    "<svg><script>window.__pwned='svg'</script><animate onbegin=\"window.__pwned='animate'\" attributeName=x dur=1s>",
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=window.__pwned=1&gt;">',
    "[click](javascript:window.__pwned='link')",
    "[data](data:text/html;base64,PHNjcmlwdD53aW5kb3cuX19wd25lZD0xPC9zY3JpcHQ+)",
    "![picture](http://192.0.2.1/beacon.png)",
    "<iframe srcdoc=\"<script>parent.__pwned='frame'</script>\"></iframe>",
    '<form action="http://192.0.2.1/"><button>Sign in again</button></form>',
    '<meta http-equiv="refresh" content="0;url=http://192.0.2.1/">',
    '<base href="http://192.0.2.1/">',
    '<a href="&#x6A;avascript:window.__pwned=1" onclick="window.__pwned=1">x</a>',
    "<details open ontoggle=\"window.__pwned='toggle'\"><summary>x</summary></details>",
    "```mermaid\ngraph TD; A[<img src=x onerror=window.__pwned=1>] --> B; click A call window.__pwned()\n```",
    '<style>@import "http://192.0.2.1/evil.css"; body { display: none }</style>',
    "{{constructor.constructor('window.__pwned=1')()}}",
)
TEXT = "\n\n".join(ATTACKS)
IMAGE = "<img src=x onerror=window.__pwned=1>"
NAME = "<img src=x onerror=window.__pwned=1>.md"
BRANCH = "x<img/src=x/onerror=window.__pwned=1>"


async def press_at(page: Page, target: Locator) -> None:
    """Press where the target is: a terminal draws its line anew under the pointer, so the element does not stay."""
    box = await eventually(lambda: target.bounding_box(timeout=1000), what="the line to be drawn")
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await page.mouse.down()
    await page.mouse.up()


async def expect_inert(page: Page) -> None:
    """Nothing foreign in the document; violations, errors and dialogs are seen at the end of the window."""
    assert await foreign_markup(page) == []


@pytest.fixture
def hostile(desk: Desk) -> dict[str, list[dict[str, Any]]]:
    turns: dict[str, list[dict[str, Any]]] = {
        "attack": [
            {"do": "think", "text": TEXT},
            {"do": "say", "text": TEXT, "pieces": 200},
            {"do": "run", "command": ATTACKS[0], "output": TEXT},
            {"do": "todo", "entries": list(ATTACKS), "done": 1},
            {"do": "retry", "text": ATTACKS[0]},
            {"do": "write", "path": NAME, "text": TEXT},
            {"do": "ask", "question": ATTACKS[0], "header": ATTACKS[1], "options": list(ATTACKS[:4])},
            {"do": "plan", "text": TEXT},
            {"do": "fail", "error": ATTACKS[0]},
        ]
    }
    desk.play(**turns)
    return turns


async def test_what_an_agent_says_and_does(page: Page, desk: Desk, hostile: dict[str, list[dict[str, Any]]]) -> None:
    repository = desk.repository("said")
    session = await desk.session(repository.path, "scripted", title=ATTACKS[0])
    await page.goto(desk.page_of(session))
    await send(page, "attack")
    await expect(ask(page)).to_contain_text(NAME)
    await expect_inert(page)
    for line in ("Thought", "Run"):
        await log(page).get_by_role("button", name=re.compile(line)).first.click()
    await expect_inert(page)
    await answer(page, "Allow once")
    await expect(ask(page)).to_contain_text("onerror")
    await expect_inert(page)
    await ask(page).get_by_role("radio").first.check()
    await answer(page, "Send the answer")
    await expect(ask(page).get_by_role("button", name="Keep planning", exact=True)).to_be_visible()
    await expect_inert(page)
    await page.goto(f"{desk.url}/needs")
    await expect(page.get_by_text(re.compile("has a plan|Present the plan")).first).to_be_visible()
    await expect_inert(page)
    await page.goto(desk.page_of(session))
    await answer(page, "Keep planning")
    await expect(log(page).get_by_text(re.compile("Failed.*onerror"))).to_be_visible()
    await expect_inert(page)
    await send(page, TEXT)
    await expect(log(page).get_by_role("heading", name=re.compile("__pwned"))).to_be_visible()
    await expect_inert(page)
    await page.goto(f"{desk.url}/")
    await expect(page.get_by_role("treeitem", name=re.compile("onerror")).first).to_be_visible()
    await expect_inert(page)


async def test_names_of_files_folders_and_branches_and_their_texts(page: Page, desk: Desk) -> None:
    repository = desk.repository(IMAGE.replace("/", ""))
    repository.write(NAME, TEXT)
    repository.git("checkout", "-q", "-b", BRANCH)
    repository.commit()
    repository.write(NAME, "before\n" + TEXT)
    repository.write("page.html", TEXT)
    session = await desk.session(repository.path, "scripted")
    await page.goto(desk.page_of(session, "changes"))
    await expect(panel(page)).to_contain_text(BRANCH)
    await panel(page).get_by_role("button", name=re.compile("onerror")).first.click()
    await expect(panel(page)).to_contain_text("before")
    await expect_inert(page)
    await page.goto(desk.page_of(session, "files"))
    for name in (re.compile(r"^<img.*onerror.*md"), re.compile(r"^page\.html")):
        await panel(page).get_by_role("listitem").get_by_role("button", name=name).click()
        await expect(panel(page).get_by_role("textbox")).to_contain_text("window.__pwned='svg'")
        await expect_inert(page)
        await panel(page).get_by_role("button", name="Back to the list").click()
    await page.goto(f"{desk.url}/m/{desk.node}")
    await expect(page.get_by_role("main").get_by_text(re.compile("onerror")).first).to_be_visible()
    await expect_inert(page)


async def test_what_a_terminal_shows_titles_links_and_the_clipboard(page: Page, desk: Desk) -> None:
    repository = desk.repository("terminal")
    session = await desk.session(repository.path, "scripted")
    attack = repository.write(
        "attack.txt",
        f"\x1b]0;{IMAGE}\x07\x1b]2;{IMAGE}\x07"
        "\x1b]8;;javascript:window.__pwned=1\x1b\\run-this\x1b]8;;\x1b\\ "
        "\x1b]8;;http://192.0.2.1/elsewhere\x1b\\https://bank.example\x1b]8;;\x1b\\\n"
        "\x1b]52;c;d2lwZSBtZQ==\x07"
        f"{TEXT}\nTHE-END\n",
    )
    await page.goto(desk.page_of(session, "terminal"))
    await panel(page).get_by_role("button", name="Start a shell").click()
    await type_in_terminal(page, f"cat {attack.name}")
    await expect(terminal(page)).to_contain_text("THE-END")
    clipboard = terminal(page).get_by_role("alert").filter(has_text="clipboard")

    async def is_asked() -> bool:
        """Right after an attach nothing is asked, for what comes then may be old."""
        await type_in_terminal(page, f"cat {attack.name}")
        with contextlib.suppress(AssertionError):
            await expect(clipboard).to_contain_text("wipe me", timeout=500)
            return True
        return False

    await eventually(is_asked, what="the question about the clipboard")
    await clipboard.get_by_role("button", name="Refuse").click()
    await expect_inert(page)
    await type_in_terminal(page, "clear; head -1 attack.txt")
    leads = terminal(page).get_by_role("alert").filter(has_text="This link leads to")
    await press_at(page, terminal(page).get_by_text("run-this").last)

    async def is_told() -> bool:
        await press_at(page, terminal(page).get_by_text("https://bank.example").last)
        return await leads.is_visible()

    await eventually(is_told, what="the target of the link to be shown")
    await expect(leads).to_contain_text("http://192.0.2.1/elsewhere")
    await leads.get_by_role("button", name="Refuse").click()
    await expect_inert(page)
    assert "onerror" not in await page.title()
    opened = {"node": desk.node, "path": str(repository.path), "cols": 80, "rows": 24, "name": IMAGE}
    _ = await desk.client.op("terminal.open", **opened)
    await page.reload()
    await expect(panel(page).get_by_role("tab", name=re.compile("onerror"))).to_be_visible()
    await expect_inert(page)


async def test_names_of_machines(page: Page, desk: Desk) -> None:
    await desk.client.op("nodes.rename", node=desk.node, name=IMAGE)
    for place in ("", "m", f"m/{desk.node}", "new", "needs", "settings"):
        await page.goto(f"{desk.url}/{place}")
        await expect(page.get_by_role("tree")).to_contain_text("onerror")
        await expect_inert(page)
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("option", name=re.compile("onerror")).first).to_be_visible()
    await expect_inert(page)
