"""Random use and random breaks: nothing lost, nothing doubled, nothing left behind."""

from pathlib import Path

import pytest

from tests.chaos.driver import Driver, Plan
from tests.chaos.grounds import NODE, grounds
from tests.chaos.oracle import judge
from tests.support.waiting import eventually
from ws.tasks import TaskOwner

SEEDS = (1, 5)
"""Fixed, so that a failure stays one. Each breaks Main, node and network at least once."""


@pytest.mark.cli
@pytest.mark.alone
@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_is_lost_or_doubled(tmp_path: Path, seed: int) -> None:
    owner = TaskOwner("chaos")
    async with grounds(tmp_path) as made:
        driver = Driver(made, Plan(acts=70), seed, owner)
        try:
            await driver.prepare()
            await driver.run()
            await made.client.online_node(NODE, deadline_s=40)
            await driver.settle()
            await judge(made, driver)
        finally:
            await owner.close()
        assert {"cut", "kill_node", "kill_main"} <= set(driver.told.done), "this seed breaks everything that breaks"
        assert driver.told.accepted

    async def nobody_left() -> bool:
        return not await made.agents()

    await eventually(nobody_left, what="the agents to end with their node")
    for program in (made.main, made.node):
        assert "Traceback" not in program.text, program.text
