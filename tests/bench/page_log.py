"""A long log on the page while it streams: ``python -m tests.bench.page_log``. Needs Chromium.

A real session of 10,000 events is opened and then streams 200 pieces a second, with the page's processor as it is and
slowed down four times. Targets: open at its end ≤ 400 ms after the page is there, median frame 60 a second, no frame
over 50 ms, ≤ 1,500 nodes, ≤ 80 MB of heap. What this machine makes of an empty page in the same run is the reference.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.async_api import CDPSession, Page, expect

from tests.bench.report import Row, table
from tests.browser.desk import Desk, running_desk, window
from tests.browser.steps import log
from tests.support.chromium import chromium

EVENTS = 10_000
RATES = (1, 4)
"""How many times slower than it is the page's processor is made."""
PIECES, PAUSE_MS = 3_200, 5
WATCHED_S = 5.0
WORDS = "The **ledger** holds `one` line for each thing that was done, and says when. "
OLD, NEW = 1_600, 900
"""Rounds of four events (thought, command, result, message) in the turn before, and in the one that streams."""

_FRAMES = """
(ms) => new Promise((done) => {
  const taken = [];
  let last = performance.now();
  const end = last + ms;
  const next = (now) => {
    taken.push(now - last);
    last = now;
    if (now < end) requestAnimationFrame(next);
    else done(taken.slice(1));
  };
  requestAnimationFrame(next);
})
"""


async def _frames(page: Page, seconds: float) -> list[float]:
    """How long each frame took, in ms."""
    return list(await page.evaluate(_FRAMES, seconds * 1000))


async def _grow(desk: Desk, session: str) -> None:
    """Let the agent fill the journal in one long turn."""
    await desk.send(session, "grow")
    await desk.until(session, "idle")


async def _elements(page: Page) -> int:
    return int(await page.evaluate("document.querySelectorAll('*').length"))


async def _heap_mb(cdp: CDPSession) -> float:
    """What is left after the garbage is gone."""
    await cdp.send("HeapProfiler.collectGarbage")
    found: list[dict[str, Any]] = (await cdp.send("Performance.getMetrics"))["metrics"]
    return next(float(one["value"]) for one in found if one["name"] == "JSHeapUsedSize") / 1e6


def _told(name: str, taken: list[float], target: str) -> list[Row]:
    return [
        Row(f"{name}, median frame", statistics.median(taken), "ms", target),
        Row(f"{name}, longest frame", max(taken), "ms", "target 50" if target else ""),
        Row(f"{name}, frames over 50 ms", sum(1 for one in taken if one > 50), "", f"of {len(taken)}"),
    ]


async def _opened(page: Page, desk: Desk, session: str) -> float:
    """From the click in the tree to the last line of the log, in ms."""
    await page.goto(f"{desk.url}/m/{desk.node}")
    link = page.get_by_role("main").get_by_role("link", name="grow")
    await expect(link).to_be_visible()
    begun = time.perf_counter()
    await link.click()
    await expect(log(page).get_by_text("The last line.")).to_be_visible()
    assert session in page.url
    return (time.perf_counter() - begun) * 1000


async def measure() -> list[Row]:
    """On loopback, with the window of a desk."""
    with tempfile.TemporaryDirectory(prefix="switchyard-bench-") as folder:
        async with running_desk(Path(folder)) as desk, chromium() as browser:
            await desk.sign_up()
            step: list[dict[str, Any]] = [
                {"do": "think", "text": "Next."},
                {"do": "run", "command": "make", "output": "ok\n" * 20},
            ]
            say = {"do": "say", "text": WORDS, "pieces": 1}
            last = {"do": "say", "text": "The last line.", "pieces": 1}
            text = "\n\n".join([f"Streaming. {WORDS * 4}"] * 80)
            stream = {"do": "say", "text": text, "pieces": PIECES, "pause_ms": PAUSE_MS}
            desk.play(grow=[*([*step, say] * OLD), last], stream=[*([*step, say] * NEW), stream])
            session = await desk.session(desk.repository().path, "scripted")
            await _grow(desk, session)
            async with window(browser, desk) as (context, _):
                page = await context.new_page()
                cdp = await context.new_cdp_session(page)
                await cdp.send("Performance.enable")
                rows = []
                for rate in RATES:
                    await cdp.send("Emulation.setCPUThrottlingRate", {"rate": rate})
                    await page.goto("about:blank")
                    rows += _told(f"{rate} times slower, an empty page", await _frames(page, 2), "")
                    opened = await _opened(page, desk, session)
                    rows.append(Row(f"{rate} times slower, open at the end", opened, "ms", "target 400"))
                await desk.send(session, "stream")
                await expect(log(page).get_by_text("Streaming.").last).to_be_visible(timeout=60_000)
                for rate in RATES[::-1]:
                    await cdp.send("Emulation.setCPUThrottlingRate", {"rate": rate})
                    taken = await _frames(page, WATCHED_S)
                    rows += _told(f"{rate} times slower, streaming", taken, "target 17")
                head = int((await desk.client.op("session.get", node=desk.node, session=session))["head"])
                elements, heap = await _elements(page), await _heap_mb(cdp)
    return [
        Row("events in the journal", head, "", f"asked for {EVENTS}"),
        *rows,
        Row("elements of the page", elements, "", "target 1,500"),
        Row("heap", heap, "MB", "target 80"),
    ]


def main() -> None:
    """Print it."""
    print(table("A long log on the page", asyncio.run(measure())))


if __name__ == "__main__":
    main()
