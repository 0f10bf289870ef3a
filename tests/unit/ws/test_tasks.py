"""Tasks end with their owner, and none fails unseen."""

import asyncio

import pytest
from structlog.testing import capture_logs

from ws.tasks import TaskOwner


async def _forever() -> None:
    await asyncio.Event().wait()


async def test_a_task_carries_the_names_of_owner_and_work() -> None:
    owner = TaskOwner("room")
    assert owner.start(_forever(), name="lamp").get_name() == "room/lamp"
    await owner.close()


async def test_close_ends_all_tasks_and_nothing_starts_afterwards() -> None:
    owner = TaskOwner("room")
    task = owner.start(_forever(), name="lamp")
    await owner.close()
    assert task.cancelled()
    assert len(owner) == 0
    with pytest.raises(RuntimeError, match="closed"):
        _ = owner.start(_forever(), name="late")


async def test_a_failure_is_logged_once_with_an_id_and_spares_the_others() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    owner = TaskOwner("room")
    other = owner.start(_forever(), name="lamp")
    with capture_logs() as logs:
        await asyncio.wait({owner.start(fail(), name="fuse")})
    [entry] = logs
    assert (entry["event"], entry["task"]) == ("task_failed", "room/fuse")
    assert entry["defect"]
    assert not other.done()
    await owner.close()


async def test_a_task_that_does_not_end_in_time_is_logged() -> None:
    gate = asyncio.Event()

    async def stubborn() -> None:
        while not gate.is_set():
            try:
                await gate.wait()
            except asyncio.CancelledError:
                continue

    owner = TaskOwner("room")
    task = owner.start(stubborn(), name="mule")
    await asyncio.sleep(0)
    with capture_logs() as logs:
        await owner.close(timeout_s=0.01)
    assert [(entry["event"], entry["task"]) for entry in logs] == [("task_did_not_end", "room/mule")]
    gate.set()
    await task


async def test_an_owner_may_be_closed_by_one_of_its_own_tasks() -> None:
    owner = TaskOwner("room")
    lamp = owner.start(_forever(), name="lamp")

    async def leave() -> None:
        await owner.close()

    await asyncio.wait({owner.start(leave(), name="leave")}, timeout=5)
    assert lamp.cancelled()
