"""The Changes panel on real repositories: what it says is what Git has, and what it does Git has done."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.desk import PHONE, Desk, window
from tests.browser.measures import all_small_targets, axe_violations, wider_than_the_window
from tests.browser.steps import panel
from tests.support.repositories import TestRepository


@dataclass
class Work:
    """A repository with a bare remote beside it and a change in it, and the page of it with the panel open."""

    repository: TestRepository
    remote: TestRepository
    page: Page

    def head(self) -> str:
        """The subject of the last commit."""
        return self.repository.git("log", "-1", "--format=%s").strip()


def with_remote(desk: Desk, name: str) -> tuple[TestRepository, TestRepository]:
    (desk.home / ".gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n")
    repository = desk.repository(name)
    remote = TestRepository.make(desk.home, f"{name}.git", options=("--bare",))
    repository.git("remote", "add", "origin", str(remote.path))
    repository.git("push", "-q", "-u", "origin", "main")
    repository.write("greet.py", 'def greet():\n    return "good morning"\n')
    return repository, remote


@pytest_asyncio.fixture(loop_scope="module")
async def work(desk: Desk, page: Page, request: pytest.FixtureRequest) -> AsyncIterator[Work]:
    repository, remote = with_remote(desk, request.node.name)
    await page.goto(f"{desk.url}/m/{desk.node}/p{repository.path}?panel=changes")
    await expect(panel(page).get_by_role("button", name="Stage greet.py")).to_be_visible()
    yield Work(repository, remote, page)


async def commit(page: Page, message: str, button: str | re.Pattern[str]) -> None:
    await page.get_by_label("Commit message", exact=True).last.fill(message)
    await page.get_by_role("button", name=button).click()
    await expect(page.get_by_label("Commit message", exact=True).last).to_have_value("")


def their_commit(work: Work, name: str, content: str) -> None:
    """Somebody else pushes."""
    other = work.repository.path.parent / f"{work.repository.path.name}-other"
    work.repository.git("clone", "-q", str(work.remote.path), str(other))
    theirs = TestRepository(other, work.repository.home)
    theirs.write(name, content)
    theirs.git("add", "-A")
    theirs.git("commit", "-q", "-m", "theirs")
    theirs.git("push", "-q")


async def test_what_is_staged_is_committed_and_nothing_else(work: Work) -> None:
    work.repository.write("-rf", "x")
    await expect(panel(work.page).get_by_role("button", name="Stage -rf")).to_be_visible()
    await panel(work.page).get_by_role("button", name="Stage greet.py").click()
    await expect(panel(work.page).get_by_role("button", name="Unstage greet.py")).to_be_visible()
    await commit(work.page, "Greet in the morning", "Commit 1 staged file")
    assert work.head() == "Greet in the morning"
    assert work.repository.git("status", "--porcelain").strip() == "?? -rf"


async def test_a_commit_needs_no_mouse(work: Work) -> None:
    await panel(work.page).get_by_role("button", name="Stage greet.py").focus()
    await work.page.keyboard.press("Enter")
    await expect(panel(work.page).get_by_role("button", name="Unstage greet.py")).to_be_visible()
    await work.page.get_by_role("textbox", name="Commit message").focus()
    await work.page.keyboard.type("Without a mouse")
    await work.page.keyboard.press("Control+Enter")
    await expect(work.page.get_by_text("Nothing differs from the last commit.")).to_be_visible()
    assert work.head() == "Without a mouse"


async def test_the_last_commit_is_amended_with_its_message_at_hand(work: Work) -> None:
    await work.page.get_by_role("switch", name="Amend the last commit").click()
    await expect(work.page.get_by_role("textbox", name="Commit message")).to_have_value("change")
    before = work.repository.git("rev-list", "--count", "HEAD")
    await commit(work.page, "Better words", "Amend the commit")
    assert (work.head(), work.repository.git("rev-list", "--count", "HEAD")) == ("Better words", before)


async def test_what_is_discarded_is_named_first(work: Work) -> None:
    work.repository.write("new.txt", "x")
    await expect(panel(work.page).get_by_role("button", name="Stage new.txt")).to_be_visible()
    await panel(work.page).get_by_role("button", name="Acts on greet.py").click()
    await work.page.get_by_role("menuitem", name="Discard").click()
    dialog = work.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("greet.py")
    await expect(dialog).not_to_contain_text("new.txt")
    await dialog.get_by_role("button", name="Discard 1 file").click()
    await expect(panel(work.page).get_by_role("button", name="Stage greet.py")).to_be_hidden()
    assert work.repository.git("status", "--porcelain").strip() == "?? new.txt"


async def test_a_branch_is_made_switched_to_and_deleted(work: Work) -> None:
    await panel(work.page).get_by_text("Branches", exact=True).click()
    await work.page.get_by_label("Name of a new branch").fill("feature/one")
    await work.page.get_by_role("button", name="Create and switch").click()
    await expect(work.page.get_by_role("button", name="Switch to main")).to_be_visible()
    assert work.repository.git("branch", "--show-current").strip() == "feature/one"
    await work.page.get_by_role("button", name="Switch to main").click()
    await expect(work.page.get_by_role("button", name="Switch to feature/one")).to_be_visible()
    await work.page.get_by_role("button", name="Acts on feature/one").click()
    await work.page.get_by_role("menuitem", name="Delete").click()
    await work.page.get_by_role("dialog").get_by_role("button", name="Delete feature/one").click()
    await expect(work.page.get_by_role("button", name="Switch to feature/one")).to_be_hidden()
    assert work.repository.git("branch", "--format=%(refname:short)").split() == ["main"]


async def test_the_history_shows_what_each_commit_changed(work: Work) -> None:
    await commit(work.page, "Say it <b>loud</b>", re.compile("^Commit the 1 change"))
    await panel(work.page).get_by_text("History", exact=True).click()
    await work.page.get_by_role("button", name="Say it <b>loud</b>").click()
    await expect(work.page.get_by_role("group", name="greet.py")).to_contain_text('return "good morning"')


async def test_a_push_that_is_refused_says_what_to_do_and_has_the_button_for_it(work: Work) -> None:
    await commit(work.page, "Mine", re.compile("^Commit the 1 change"))
    their_commit(work, "theirs.txt", "x\n")
    await work.page.get_by_role("button", name="Push", exact=True).click()
    await work.page.get_by_role("button", name="Pull first").click()
    await work.page.get_by_role("button", name="Pull and rebase").click()
    await expect(work.page.get_by_role("button", name="Pull and rebase")).to_be_hidden()
    await expect(panel(work.page).get_by_text("1 ahead")).to_be_visible()
    await work.page.get_by_role("button", name="Push", exact=True).click()
    await expect(panel(work.page).get_by_text("1 ahead")).to_be_hidden()
    assert work.remote.git("log", "--format=%s", "main").split() == ["Mine", "theirs", "change"]


async def test_a_merge_in_conflict_can_be_abandoned(work: Work) -> None:
    await commit(work.page, "Mine", re.compile("^Commit the 1 change"))
    their_commit(work, "greet.py", "theirs\n")
    await work.page.get_by_role("button", name="Pull", exact=True).click()
    await work.page.get_by_role("button", name="Pull and merge").click()
    await expect(work.page.get_by_text("A merge is under way.")).to_be_visible()
    await work.page.get_by_role("button", name="Abandon it…").click()
    await work.page.get_by_role("dialog").get_by_role("button", name="Abandon it").click()
    await expect(work.page.get_by_text("A merge is under way.")).to_be_hidden()
    assert work.repository.git("status", "--porcelain") == ""


async def test_what_others_do_in_the_repository_shows_by_itself(work: Work) -> None:
    work.repository.git("commit", "-q", "-a", "-m", "From the terminal")
    await expect(work.page.get_by_text("Nothing differs from the last commit.")).to_be_visible()
    await expect(panel(work.page).get_by_text("1 ahead")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_part_of_the_panel_is_for_everybody(
    browser: Browser, desk: Desk, theme: Literal["light", "dark"]
) -> None:
    repository, _ = with_remote(desk, f"all-{theme}")
    repository.write("new.txt", "x")
    deep = "a/very/long/way/down/to/where/it/is/kept/name.txt"
    repository.write(deep, "x")
    repository.git("add", deep)
    found: list[str] = []
    async with window(browser, desk, PHONE, color_scheme=theme, has_touch=True, is_mobile=True) as (context, _):
        page = await context.new_page()
        await page.goto(f"{desk.url}/m/{desk.node}/p{repository.path}?panel=changes")
        await page.get_by_role("button", name=re.compile("greet.py")).first.click()
        await expect(page.get_by_role("group", name="greet.py")).to_be_visible()
        # Where a path does not fit, its folder gives way and not its name.
        name = page.get_by_text("name.txt", exact=True)
        assert await name.evaluate("(one) => one.scrollWidth <= one.clientWidth")
        shown = {"Changes": "Commit message", "History": None, "Branches": "Find a branch"}
        for part, label in shown.items():
            await page.get_by_role("radio", name=part).last.check(force=True)
            await expect(page.get_by_label(label).last if label else page.get_by_text("by T").first).to_be_visible()
            found += await axe_violations(page)
            found += await all_small_targets(page)
            found += await wider_than_the_window(page)
    assert not found, "\n".join(found)
