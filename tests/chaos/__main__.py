"""Longer than in continuous integration: ``make chaos ARGS="--minutes 30 --seed 100 --acts 200"``.

One run after another with the next seed until the time is over; the first broken promise ends it and names its seed.
"""

import argparse
import asyncio
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.chaos.driver import Plan
from tests.chaos.oracle import judge_page
from tests.chaos.run import run


async def chaos(minutes: float, seed: int, plan: Plan) -> None:
    """Runs for so long, at least one; prints what was done. The folder of a run that failed stays, with its logs."""
    end = time.monotonic() + minutes * 60
    done: Counter[str] = Counter()
    terminals: Counter[str] = Counter()
    runs = events = prompts = lagged = 0
    while not runs or time.monotonic() < end:
        folder = Path(tempfile.mkdtemp(prefix=f"switchyard-chaos-{seed + runs}-"))
        print(f"seed {seed + runs} in {folder} …", flush=True)
        outcome = await run(folder, plan, seed + runs)
        await judge_page(outcome.folds)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        for act, times in outcome.told.done.items():
            done.update(dict.fromkeys(act.split("+"), times))
        terminals.update(outcome.terminals)
        runs += 1
        events += outcome.events
        prompts += len(outcome.told.accepted)
        lagged += outcome.lagged
    print(f"{runs} runs, {prompts} prompts, {events} events in the journals, {lagged} readers told that they lag")
    for name, times in [*sorted(done.items()), *sorted(terminals.items())]:
        print(f"{times:6} {name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    parser.add_argument("--acts", type=int, default=100, help="in a run, beside the breaks")
    parser.add_argument("--each", type=int, default=2, help="how often a run has each kind of break")
    given = parser.parse_args()
    asyncio.run(chaos(given.minutes, given.seed, Plan(acts=given.acts, each=given.each)))
