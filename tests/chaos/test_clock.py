"""The clock of a machine is set while all runs: what happened stays in its order, and nobody is sent away."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.clock import Clock
from tests.chaos.grounds import NODE, Grounds, grounds
from tests.chaos.watcher import Watcher
from tests.support.waiting import eventually
from ws.tasks import TaskOwner

DAY_S = 86_400.0
JUMPS_S = (-30 * DAY_S, 0.5 * DAY_S, 0.0)
"""Ahead of the real time, one after another."""
REST_S = 60.0


async def rests(made: Grounds, session: str) -> bool:
    state = await made.op("session.get", session=session)
    return state["turn"] is None and not state["queue"]


async def asked(made: Grounds, session: str) -> list[dict[str, Any]]:
    return list((await made.op("session.get", session=session))["approvals"])


@pytest.mark.cli
@pytest.mark.alone
@pytest.mark.timeout(180)
async def test_a_clock_that_jumps_reorders_nothing_and_ends_nothing(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock")
    owner = TaskOwner("clock")
    async with grounds(tmp_path / "grounds", clock.environ) as made:
        try:
            created = await made.op("session.create", path=str(made.work), provider="scripted")
            session = str(created["session"]["id"])
            watcher = Watcher(made, session)
            _ = owner.start(watcher.run(), name="watcher")
            await eventually(lambda: watcher.connections, what="it to be watched")
            for number, ahead_s in enumerate(JUMPS_S):
                await made.op("session.send", session=session, message_id=f"m{number}", text="stream")
                await made.op("session.send", session=session, message_id=f"n{number}", text="write")
                clock.put(ahead_s)
                (approval,) = await eventually(partial(asked, made, session), what="an ask", deadline_s=REST_S)
                allow = next(each["id"] for each in approval["options"] if each["kind"] == "allow_once")
                await made.op("session.answer", session=session, approval=approval["approval"], option=allow)
                await eventually(partial(rests, made, session), what="it to rest", deadline_s=REST_S)
                await made.kill_node()
                await made.client.online_node(NODE, deadline_s=40)
            events = (await made.op("session.events", session=session, limit=1000))["events"]
            assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
            order = [event["message_id"] for event in events if event["type"] == "user_message"]
            assert order == [f"{name}{number}" for number in range(len(JUMPS_S)) for name in "mn"]
            ends = [event["stop_reason"] for event in events if event["type"] == "turn_ended"]
            assert ends == ["end_turn"] * len(order)
            assert max(event["ts"] for event in events) != events[-1]["ts"], "the clock did jump"
            await eventually(lambda: watcher.cursor == len(events), what="all to be seen")
            assert (watcher.seen, watcher.faults) == (events, [])
        finally:
            await owner.close()
    assert all("Traceback" not in program.text for program in made.programs)
