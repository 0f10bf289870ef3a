"""The real Chromium, and a watch on what a page does that it should not."""

import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "Chromium is not installed; install it: apt install chromium"

_OUTSIDE_THE_PAGE = """
document.addEventListener("securitypolicyviolation", (event) => {
  const { violatedDirective, blockedURI, sourceFile, lineNumber } = event;
  console.error(`policy violated: ${violatedDirective} ${blockedURI} ${sourceFile}:${lineNumber}`);
});
"""


@contextlib.asynccontextmanager
async def chromium(*arguments: str) -> AsyncIterator[Browser]:
    """The installed one, without a window, with more `arguments`. Skips the test when there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(MISSING)
    whole = [*arguments, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=whole)
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Watch:
    """What all pages of a context did: `faults` are errors in the console, exceptions, violations and dialogs."""

    faults: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    requests: list[Request] = field(default_factory=list)

    async def begin(self, context: BrowserContext) -> None:
        context.on("page", self._page)
        context.on("request", self._request)
        await context.add_init_script(_OUTSIDE_THE_PAGE)

    def forgive(self, *parts: str) -> None:
        """Drop the faults that contain one of `parts`: those that a test provokes."""
        self.faults = [fault for fault in self.faults if not any(part in fault for part in parts)]

    def _page(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))
        page.on("dialog", self._dialog)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            place: Any = message.location
            self.faults.append(f"{message.type}: {message.text} ({place.get('url', '')})")

    async def _dialog(self, dialog: Dialog) -> None:
        if dialog.type != "beforeunload":
            self.faults.append(f"dialog: {dialog.message}")
        await dialog.accept()

    def _request(self, request: Request) -> None:
        self.requests.append(request)
        address = urlsplit(request.url)
        if address.scheme not in {"data", "blob"}:
            self.hosts.add(address.netloc)
