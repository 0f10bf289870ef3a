"""Starting and stopping: the opposite order, every service, in time."""

import asyncio
import os
import signal

import pytest

from node import supervisor as supervising
from node.supervisor import Supervisor


async def test_services_are_stopped_in_the_opposite_order() -> None:
    stopped: list[str] = []
    supervisor = Supervisor()

    async def stop(name: str) -> None:
        stopped.append(name)

    for name in ("a", "b", "c"):
        supervisor.started(name, lambda name=name: stop(name))  # type: ignore[misc]  # a default binds the name
    await supervisor.close()
    await supervisor.close()
    assert stopped == ["c", "b", "a"]


@pytest.mark.may_block("the log of a defect reads source lines for its traceback")
async def test_a_service_that_fails_or_hangs_does_not_keep_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervising, "STOP_DEADLINE_S", 0.05)
    stopped: list[str] = []
    supervisor = Supervisor()

    async def fine() -> None:
        await asyncio.sleep(0)
        stopped.append("fine")

    async def fails() -> None:
        raise ZeroDivisionError

    async def hangs() -> None:
        await asyncio.Event().wait()

    supervisor.started("fine", fine)
    supervisor.started("fails", fails)
    supervisor.started("hangs", hangs)
    await supervisor.close()
    assert stopped == ["fine"]


@pytest.mark.parametrize(("number", "ends"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
async def test_the_first_signal_decides_whether_terminals_end(number: signal.Signals, ends: bool) -> None:
    supervisor = Supervisor()
    assert not supervisor.ends_terminals
    os.kill(os.getpid(), number)
    assert await asyncio.wait_for(supervisor.until_signalled(), 5.0) is number
    os.kill(os.getpid(), signal.SIGTERM if ends else signal.SIGINT)
    await asyncio.sleep(0)
    assert supervisor.ends_terminals is ends
