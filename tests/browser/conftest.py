"""One browser and one desk for all tests of a module; a window of its own for each test."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.desk import Desk, running_desk, window
from tests.support.chromium import Watch, chromium

HERE = Path(__file__).parent
expect.set_options(timeout=15_000)


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """All tests of a module share its loop, its browser and its worker."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
            item.add_marker(pytest.mark.timeout(120))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """Signed up, its machine online."""
    async with running_desk(tmp_path_factory.mktemp("home")) as desk:
        await desk.sign_up()
        yield desk


@pytest_asyncio.fixture(loop_scope="module")
async def watched(browser: Browser, desk: Desk) -> AsyncIterator[tuple[Page, Watch]]:
    """A page that is signed in, not yet anywhere, and what it does wrong."""
    async with window(browser, desk) as (context, watch):
        yield await context.new_page(), watch


@pytest.fixture
def page(watched: tuple[Page, Watch]) -> Page:
    return watched[0]


@pytest.fixture
def watch(watched: tuple[Page, Watch]) -> Watch:
    return watched[1]
