"""One run of chaos: everything up, all acts of a plan, rest, and the judgement."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.driver import Driver, Plan, Told
from tests.chaos.grounds import NODE, Grounds, grounds
from tests.chaos.oracle import judge
from tests.support.waiting import eventually
from ws.tasks import TaskOwner


@dataclass(frozen=True)
class Outcome:
    """`folds` holds the journals for the page's reducer."""

    told: Told
    events: int
    watchers: int
    lagged: int
    terminals: Counter[str]
    folds: Path


async def run(folder: Path, plan: Plan, seed: int) -> Outcome:
    """Raises AssertionError naming the promise that was broken."""
    owner = TaskOwner("chaos")
    async with grounds(folder) as made:
        driver = Driver(made, plan, seed, owner)
        terminals = driver.terminals
        try:
            with _logs_kept(made):
                await driver.prepare()
                await driver.run()
                await made.client.online_node(NODE, deadline_s=40)
                await driver.settle()
                await terminals.settle()
                await judge(made, driver)
                terminals.judge()
        finally:
            await owner.close()
        outcome = Outcome(
            told=driver.told,
            events=sum(watcher.cursor for watcher in driver.staying),
            watchers=len(driver.watchers),
            lagged=sum(watcher.lagged for watcher in driver.slow),
            terminals=terminals.told,
            folds=made.folds,
        )
    with _logs_kept(made):
        await _nobody_left(made)
        for program in made.programs:
            assert "Traceback" not in program.text, f"a traceback in the log of {program.name}"
    return outcome


@contextlib.contextmanager
def _logs_kept(made: Grounds) -> Iterator[None]:
    """What fails inside says where the whole logs of the run are."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"The logs of this run are in {made.keep_logs()}.")
        raise


async def _nobody_left(made: Grounds) -> None:
    async def is_empty() -> bool:
        return not await made.children()

    try:
        await eventually(is_empty, what="all that this run has started to end")
    except AssertionError as error:
        raise AssertionError(f"still there: {await made.children()}") from error
