"""How much a browser fetches to show a page, as it came over the wire."""

import gzip
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import CDPSession, Page, Response


@dataclass
class PageLoad:
    """`wire_bytes` counts headers too; `script_bytes` are those of scripts, gzipped."""

    requests: int = 0
    wire_bytes: int = 0
    script_bytes: int = 0
    scripts: list[str] = field(default_factory=list)


async def measured_load(page: Page, url: str, shown: str) -> PageLoad:
    """Load `url` with an empty cache until the `shown` selector is there and the network is quiet."""
    load = PageLoad()
    session: CDPSession = await page.context.new_cdp_session(page)

    def finished(event: dict[str, Any]) -> None:
        load.requests += 1
        load.wire_bytes += int(event["encodedDataLength"])

    session.on("Network.loadingFinished", finished)
    await session.send("Network.enable")
    await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    responses: list[Response] = []
    page.on("response", lambda response: responses.append(response))  # noqa: PLW0108  Playwright marks what it is given
    await page.goto(url, wait_until="networkidle")
    await page.locator(shown).first.wait_for()
    for response in responses:
        if response.request.resource_type == "script":
            body = await response.body()
            load.scripts.append(response.url.rpartition("/")[2])
            load.script_bytes += len(gzip.compress(body, 6, mtime=0))
    await session.detach()
    return load
