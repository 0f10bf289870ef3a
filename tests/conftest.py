"""What every suite shares: the guard against blocking the loop, and what CI demands."""

import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest
import structlog
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import settings

# How long an example takes depends on what else the machine does; pytest-timeout bounds the whole test.
settings.register_profile("switchyard", deadline=None)
settings.load_profile("switchyard")

OWN_PACKAGES = ["main", "node", "providers", "routes", "ws"]
"""A blocking call on the loop is a fault when one of these made it; what a test itself does is its own affair."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--terminal-lives",
        type=int,
        default=300,
        help="how many terminals tests/system/terminals opens and closes",
    )


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """Tracebacks as programs log them: richer ones read files, and the guard would hide the error behind that."""
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


@pytest.fixture(autouse=True)
def loop_guard(request: pytest.FixtureRequest) -> Iterator[BlockBuster | None]:
    """Fail a test in whose loop our code makes a blocking call. ``@pytest.mark.may_block("why")`` switches it off."""
    if request.node.get_closest_marker("may_block"):
        yield None
        return
    with blockbuster_ctx(OWN_PACKAGES) as guard:
        yield guard


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give all tests marked `alone` to one worker, which runs them one after another."""
    for item in items:
        if item.get_closest_marker("alone"):
            item.add_marker(pytest.mark.xdist_group("alone"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one under CI=true: CI installs everything that a test may need."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and _is_ci():
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {_reason(report.longrepr)}"
    return report


def _is_ci() -> bool:
    return os.environ.get("CI", "").lower() in {"1", "true"}


def _reason(longrepr: Any) -> str:
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)
