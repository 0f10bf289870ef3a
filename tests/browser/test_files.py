"""The Files panel: what is made, moved, deleted, sent and found on the page is so on the disk."""

import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, Locator, Page, Request, expect

from tests.browser.desk import PHONE, Desk, window
from tests.browser.measures import all_small_targets, axe_violations, wider_than_the_window
from tests.browser.steps import panel
from tests.support.chromium import Watch
from tests.support.waiting import eventually

ENTER = "Enter"


@dataclass
class Folder:
    """A folder of its own for a test, and the page of it with the panel open."""

    path: Path
    page: Page

    def row(self, name: str | re.Pattern[str]) -> Locator:
        """The entry of that name."""
        pattern = name if isinstance(name, re.Pattern) else re.compile(f"^{re.escape(name)}")
        return panel(self.page).get_by_role("list", name="Files").get_by_role("button", name=pattern)

    async def act(self, name: str, act: str) -> None:
        """An act of the entry's menu."""
        await self.row(name).hover()
        await panel(self.page).get_by_role("button", name=f"Acts on {name}", exact=True).click()
        await self.page.get_by_role("menuitem", name=re.compile(f"^{re.escape(act)}")).click()

    async def act_here(self, act: str) -> None:
        """An act of the folder's menu."""
        await panel(self.page).get_by_role("button", name="Acts in this folder").click()
        await self.page.get_by_role("menuitem", name=re.compile(f"^{re.escape(act)}")).click()


@pytest_asyncio.fixture(loop_scope="module")
async def folder(desk: Desk, page: Page, request: pytest.FixtureRequest) -> AsyncIterator[Folder]:
    path = desk.home / request.node.name
    path.mkdir()
    (path / "a.txt").write_text("one\n")
    (path / "docs").mkdir()
    await page.goto(f"{desk.url}/m/{desk.node}/p{path}?panel=files")
    made = Folder(path, page)
    await expect(made.row("a.txt")).to_be_visible()
    yield made


def file(name: str, content: bytes = b"sent\n") -> FilePayload:
    return {"name": name, "mimeType": "text/plain", "buffer": content}


async def upload(page: Page, *files: FilePayload) -> None:
    await panel(page).locator('input[type="file"][multiple]').set_input_files(list(files))


async def test_folders_and_files_are_made_and_none_is_overwritten(folder: Folder, watch: Watch) -> None:
    await folder.act_here("New folder")
    await folder.page.get_by_label("Name of the new folder").fill("new one")
    await folder.page.keyboard.press(ENTER)
    await expect(folder.row("new one")).to_be_focused()
    assert (folder.path / "new one").is_dir()
    await folder.act_here("New file")
    await folder.page.get_by_label("Name of the new file").fill("a.txt")
    await folder.page.keyboard.press(ENTER)
    await expect(folder.page.get_by_role("dialog")).to_contain_text("a.txt")
    assert (folder.path / "a.txt").read_text() == "one\n"
    watch.forgive("412", "409")


async def test_an_entry_is_renamed_copied_and_moved(folder: Folder) -> None:
    await folder.row("a.txt").focus()
    await folder.page.keyboard.press("F2")
    await folder.page.get_by_label("New name").fill("-b.txt")
    await folder.page.keyboard.press(ENTER)
    await expect(folder.row("-b.txt")).to_be_visible()
    await folder.act("-b.txt", "Copy to…")
    await folder.page.get_by_role("dialog").get_by_role("button", name="Copy", exact=True).click()
    await expect(folder.row("-b (2).txt")).to_be_visible()
    await folder.act("-b.txt", "Move to…")
    await folder.page.get_by_role("dialog").get_by_role("button", name="docs").click()
    await expect(folder.page.get_by_role("dialog").get_by_text(str(folder.path / "docs"))).to_be_visible()
    await folder.page.get_by_role("dialog").get_by_role("button", name="Move", exact=True).click()
    await expect(folder.row(re.compile(r"^-b\.txt"))).to_be_hidden()
    assert (folder.path / "docs" / "-b.txt").read_text() == "one\n"
    await folder.page.get_by_role("button", name="Undo", exact=True).last.click()
    await expect(folder.row(re.compile(r"^-b\.txt"))).to_be_visible()


async def test_what_is_deleted_comes_back_by_undo_and_for_good_is_asked_first(folder: Folder) -> None:
    await folder.row("a.txt").focus()
    await folder.page.keyboard.press("Delete")
    await expect(folder.row("a.txt")).to_be_hidden()
    assert not (folder.path / "a.txt").exists()
    await folder.page.get_by_role("button", name="Undo", exact=True).click()
    await expect(folder.row("a.txt")).to_be_visible()
    assert (folder.path / "a.txt").read_text() == "one\n"
    await folder.act("a.txt", "Delete for good")
    dialog = folder.page.get_by_role("dialog")
    await expect(dialog).to_contain_text(str(folder.path / "a.txt"))
    await expect(dialog).to_contain_text("cannot be brought back")
    await dialog.get_by_role("button", name="Cancel").click()
    assert (folder.path / "a.txt").exists()
    await folder.act("a.txt", "Delete for good")
    await dialog.get_by_role("button", name="Delete a.txt").click()
    await expect(folder.row("a.txt")).to_be_hidden()
    assert not (folder.path / "a.txt").exists()


async def test_files_that_are_sent_overwrite_nothing_unasked(folder: Folder, watch: Watch) -> None:
    await upload(folder.page, file("a.txt"), file("new.txt"))
    uploads = folder.page.get_by_role("region", name="Uploads")
    await expect(uploads.get_by_text("its name is taken")).to_be_visible()
    await expect(folder.row("new.txt")).to_be_visible()
    assert (folder.path / "a.txt").read_text() == "one\n"
    await uploads.get_by_role("button", name="Keep both").click()
    await expect(folder.row("a (2).txt")).to_be_visible()
    assert (folder.path / "a (2).txt").read_text() == "sent\n"
    await upload(folder.page, file("a.txt"))
    await uploads.get_by_role("button", name="Replace it").click()
    await eventually(lambda: (folder.path / "a.txt").read_text() == "sent\n", what="a.txt to be replaced")
    await uploads.get_by_role("button", name="Clear what is over").click()
    await expect(uploads).to_be_hidden()
    watch.forgive("412")


async def test_an_upload_goes_on_elsewhere_and_leaves_nothing_when_it_is_cancelled(folder: Folder, desk: Desk) -> None:
    # The network of this page is slow, so that there is a middle.
    session = await folder.page.context.new_cdp_session(folder.page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000}
    await session.send("Network.emulateNetworkConditions", slow)
    await upload(folder.page, file("large.bin", b"x" * 4_000_000))
    bar = folder.page.get_by_role("progressbar", name="Progress of large.bin")
    await expect(bar).to_be_visible()
    await folder.page.get_by_role("link", name="Machines").first.click()
    await expect(folder.page.get_by_text(re.compile(r"Uploading 1 file, \d+ %"))).to_be_visible()
    await folder.page.get_by_role("button", name="Show", exact=True).click()
    await folder.page.get_by_role("button", name="Cancel large.bin").click()
    await expect(folder.page.get_by_text("cancelled, nothing was written")).to_be_visible()
    await eventually(lambda: {one.name for one in folder.path.iterdir()} == {"a.txt", "docs"}, what="no leftovers")
    assert desk.node


async def test_an_upload_that_the_machine_drops_says_so_and_goes_on_by_itself(
    folder: Folder, desk: Desk, watch: Watch
) -> None:
    session = await folder.page.context.new_cdp_session(folder.page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000}
    await session.send("Network.emulateNetworkConditions", slow)
    await upload(folder.page, file("large.bin", b"x" * 3_000_000))
    await expect(folder.page.get_by_role("progressbar", name="Progress of large.bin")).to_be_visible()
    desk.kill_node()
    uploads = folder.page.get_by_role("region", name="Uploads")
    await expect(uploads.get_by_text("cut off, goes on by itself")).to_be_visible()
    assert not (folder.path / "large.bin").exists()
    await session.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
    await desk.await_node()
    await eventually((folder.path / "large.bin").is_file, what="the file to be sent", deadline_s=30)
    assert (folder.path / "large.bin").stat().st_size == 3_000_000
    watch.forgive("50", "ERR_", "409", "412")


async def test_an_upload_goes_on_from_where_it_was_cut(folder: Folder, desk: Desk, watch: Watch) -> None:
    session = await folder.page.context.new_cdp_session(folder.page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 1_000_000}
    await session.send("Network.emulateNetworkConditions", slow)
    begun: list[dict[str, list[str]]] = []

    def note(request: Request) -> None:
        if request.method == "PUT":
            begun.append(parse_qs(urlsplit(request.url).query))

    folder.page.on("request", note)
    content = os.urandom(8_000_000)
    await upload(folder.page, file("large.bin", content))
    bar = folder.page.get_by_role("progressbar", name="Progress of large.bin")

    async def is_far() -> bool:
        return float(await bar.get_attribute("value") or 0) > 4_000_000

    await eventually(is_far, what="half of it to be sent")
    # Who asks cuts what still comes: the machine cannot know that the connection is not dead.
    asked = {"node": desk.node, "path": str(folder.path / "large.bin"), "upload": begun[0]["upload"][0]}
    there = (await desk.client.op("files.partial", **asked))["size"]
    await eventually(lambda: len(begun) == 2, what="the rest to be sent")
    assert int(begun[1]["offset"][0]) == there > 2_000_000
    await session.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
    await eventually((folder.path / "large.bin").is_file, what="the file to be whole", deadline_s=30)
    assert (folder.path / "large.bin").read_bytes() == content
    await expect(folder.page.get_by_role("status").get_by_text("sent", exact=True)).to_be_visible()
    assert len(begun) == 2
    watch.forgive("503", "ERR_")


async def test_a_menu_begins_at_its_first_act(folder: Folder) -> None:
    await panel(folder.page).get_by_role("button", name="Acts in this folder").click()
    await expect(folder.page.get_by_role("menuitem", name="New file")).to_be_focused()
    await folder.page.keyboard.press("Escape")


async def test_the_folder_follows_the_disk_and_keeps_the_focus(folder: Folder) -> None:
    await folder.row("a.txt").focus()
    (folder.path / "0 first.txt").write_text("x")
    await expect(folder.row("0 first.txt")).to_be_visible()
    await expect(folder.row("a.txt")).to_be_focused()
    (folder.path / "0 first.txt").unlink()
    await expect(folder.row("0 first.txt")).to_be_hidden()


async def test_names_that_mislead_are_written_out_and_can_be_opened(folder: Folder) -> None:
    names = [b"caf\xe9.txt", b"line\nfeed.txt", "\u202egnp.txt".encode()]
    for name in names:
        with open(bytes(folder.path) + b"/" + name, "wb") as opened:  # noqa: PTH123, ASYNC230  pathlib has no bytes
            opened.write(b"inside " + name.hex().encode())
    for shown, name in zip(("caf\ufffd.txt", "line[U+000A]feed.txt", "[U+202E]gnp.txt"), names, strict=True):
        await folder.row(shown).click()
        await expect(folder.page.get_by_role("textbox", name=f"{shown} on ")).to_contain_text(name.hex())
        await folder.page.get_by_role("button", name="Back to the list").click()


async def test_a_file_is_found_by_name_and_by_content_and_opened_at_the_line(folder: Folder) -> None:
    (folder.path / "docs" / "deep.py").write_text("".join(f"line {n}\n" for n in range(1, 300)) + "needle here\n")
    await folder.page.keyboard.press("Control+p")
    await folder.page.get_by_role("combobox", name="Find a file by name").press_sequentially("deep")
    await expect(folder.page.get_by_role("option", selected=True)).to_contain_text("deep.py")
    await folder.page.keyboard.press(ENTER)
    await expect(folder.page.get_by_role("textbox", name="deep.py on ")).to_be_visible()
    await folder.page.keyboard.press("Control+Shift+F")
    await folder.page.get_by_role("button", name="Back to the list").click()
    await folder.page.get_by_label("Text to search for").fill("NEEDLE")
    await folder.page.keyboard.press(ENTER)
    await expect(folder.page.get_by_text("1 line in 1 file")).to_be_visible()
    await folder.page.get_by_role("button", name=re.compile("needle here")).click()
    await expect(folder.page.locator(".cm-activeLine")).to_have_text("needle here")


async def test_a_search_says_what_is_wrong_with_it(folder: Folder) -> None:
    await folder.page.keyboard.press("Control+Shift+F")
    await folder.page.get_by_label("Text to search for").fill("(")
    await folder.page.get_by_role("switch", name="Regular expression").click()
    await folder.page.get_by_role("button", name="Search", exact=True).click()
    await expect(panel(folder.page).get_by_role("alert")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_panel_and_its_dialogs_are_for_everybody(
    browser: Browser, desk: Desk, tmp_path: Path, theme: Literal["light", "dark"]
) -> None:
    path = desk.home / f"all-{theme}"
    path.mkdir()
    (path / "a.txt").write_text("needle\n")
    found: list[str] = []
    async with window(browser, desk, PHONE, color_scheme=theme, has_touch=True, is_mobile=True) as (context, watch):
        page = await context.new_page()
        await page.goto(f"{desk.url}/m/{desk.node}/p{path}?panel=files")
        folder = Folder(path, page)
        await expect(folder.row("a.txt")).to_be_visible()
        await upload(page, file("a.txt"))
        await expect(page.get_by_text("its name is taken")).to_be_visible()

        async def look() -> None:
            found.extend(await axe_violations(page))
            found.extend(await all_small_targets(page))
            found.extend(await wider_than_the_window(page))

        await look()
        await panel(page).get_by_role("button", name="Acts on a.txt", exact=True).click()
        await page.get_by_role("menuitem", name="Move to…").click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        found.extend(await axe_violations(page))
        await page.keyboard.press("Escape")
        await panel(page).get_by_role("button", name="Search in files").click()
        await page.get_by_label("Text to search for").fill("needle")
        await page.keyboard.press(ENTER)
        await expect(page.get_by_text("1 line in 1 file")).to_be_visible()
        await look()
        watch.forgive("412")
    assert not found, "\n".join(found)
