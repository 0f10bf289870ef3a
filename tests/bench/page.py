"""What a browser fetches at the first load: ``python -m tests.bench.page``. Needs Chromium."""

import asyncio
import tempfile
from pathlib import Path

from tests.bench.report import Row, table
from tests.browser.desk import running_desk, window
from tests.support.chromium import chromium
from tests.support.page_load import PageLoad, measured_load

KIB = 1024


def _rows(name: str, load: PageLoad, wire_kib: int) -> list[Row]:
    return [
        Row(f"{name}, over the wire", load.wire_bytes / KIB, "KiB", f"target {wire_kib}"),
        Row(f"{name}, scripts gzipped", load.script_bytes / KIB, "KiB", "target 140"),
        Row(f"{name}, requests", load.requests, "", "target 15"),
    ]


async def measure() -> list[Row]:
    """Each page with an empty cache, on loopback."""
    with tempfile.TemporaryDirectory(prefix="switchyard-bench-") as folder:
        async with running_desk(Path(folder)) as desk, chromium() as browser:
            await desk.sign_up()
            session = await desk.session(desk.repository().path, "scripted")
            async with window(browser) as (context, _):
                login = await measured_load(await context.new_page(), f"{desk.url}/login", "input[type=password]")
            pages = {"work": f"{desk.url}/", "session": desk.page_of(session)}
            loads = {}
            for name, url in pages.items():
                async with window(browser, desk) as (context, _):
                    loads[name] = await measured_load(await context.new_page(), url, "[role=tree]")
    return [*_rows("sign-in", login, 40), *(row for name, load in loads.items() for row in _rows(name, load, 260))]


def main() -> None:
    """Print it."""
    print(table("First load of the page", asyncio.run(measure())))


if __name__ == "__main__":
    main()
