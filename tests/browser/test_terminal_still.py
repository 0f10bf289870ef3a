"""A page that stands still, as in a tab that was put to sleep, at a terminal that floods.

Stopped by the debugger: a browser without a screen does not freeze the only page that it has.
"""

import json
from pathlib import Path

from playwright.async_api import Page, WebSocket, expect

from tests.browser.desk import Desk
from tests.browser.steps import open_shell, terminal, type_in_terminal
from tests.support.waiting import eventually
from ws.protocol.terminals import CREDIT_WINDOW_BYTES

FLOOD_BYTES = 20_000_000


class Received:
    """What came over the terminal's socket: bytes since the last `skipped`, and how many of those there were."""

    def __init__(self) -> None:
        self.bytes = 0
        self.before_skips: list[int] = []

    def watch(self, socket: WebSocket) -> None:
        if "/ws/terminal" in socket.url:
            socket.on("framereceived", self.take)

    def take(self, payload: str | bytes) -> None:
        if isinstance(payload, bytes):
            self.bytes += len(payload)
        elif json.loads(payload)["type"] == "skipped":
            self.before_skips.append(self.bytes)


async def test_it_holds_one_window_and_the_program_goes_on_without_it(page: Page, desk: Desk) -> None:
    received = Received()
    page.on("websocket", received.watch)
    _ = await open_shell(page, desk, "still")
    listed = (await desk.client.op("terminal.list", node=desk.node))["terminals"]
    folder = Path(listed[-1]["path"])
    await type_in_terminal(
        page,
        "echo rea''dy; while [ ! -e go ]; do sleep 0.05; done; "
        f"head -c {FLOOD_BYTES} /dev/zero | tr '\\0' x; touch went-on; echo THE-''END",
    )
    await expect(terminal(page)).to_contain_text("ready")
    browser = await page.context.new_cdp_session(page)
    await browser.send("Debugger.enable")
    await browser.send("Debugger.pause")
    received.bytes = 0
    (folder / "go").touch()
    await eventually((folder / "went-on").exists, what="the program to go on", deadline_s=40)
    await browser.send("Debugger.resume")
    await expect(terminal(page)).to_contain_text("THE-END", timeout=20_000)
    assert received.before_skips, "it stood still"
    assert received.before_skips[0] <= CREDIT_WINDOW_BYTES
    assert sum(received.before_skips[-1:]) < FLOOD_BYTES // 10
