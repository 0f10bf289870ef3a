"""Random use and every kind of break: nothing lost, nothing doubled, nothing left behind."""

from pathlib import Path

import pytest

from tests.chaos.driver import Plan
from tests.chaos.oracle import judge_page
from tests.chaos.run import run

SEEDS = (1, 5)
"""Fixed, so that a failure stays one. Every run has every kind of break once, each at another moment."""


@pytest.mark.cli
@pytest.mark.alone
@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_is_lost_or_doubled(tmp_path: Path, seed: int) -> None:
    outcome = await run(tmp_path, Plan(), seed)
    assert outcome.told.accepted
    assert outcome.lagged, "a reader that slept was told that it lags"
    await judge_page(outcome.folds)
