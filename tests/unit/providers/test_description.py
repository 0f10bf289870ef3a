"""What a provider can do is asked in the background, kept, and asked again."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from providers.base import ProviderFailed
from providers.description import Ages, Description
from tests.support.waiting import eventually
from ws.protocol.providers import ProviderInfo
from ws.tasks import TaskOwner


def info(reason: str | None = None, version: str | None = None) -> ProviderInfo:
    return ProviderInfo(
        id="heron",
        name="Heron",
        tag="HE",
        available=reason is None,
        reason=reason,
        version=version,
        models=[],
        modes=[],
        commands=[],
        features=[],
    )


@pytest.fixture
async def owner() -> AsyncIterator[TaskOwner]:
    tasks = TaskOwner("descriptions")
    yield tasks
    await tasks.close()


class Agent:
    """Answers when it is let, each time as another version, or fails."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.asked = 0
        self.failure: Exception | None = None

    async def ask(self) -> ProviderInfo:
        self.asked += 1
        number = self.asked
        await self.may_answer.wait()
        if self.failure is not None:
            raise self.failure
        return info(version=str(number))


async def test_a_slow_agent_is_starting_at_first_and_known_later(
    owner: TaskOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.description.FIRST_S", 0.01)
    agent = Agent()
    description = Description("Heron", agent.ask, info, owner.start)
    assert "still starting" in ((await description.get()).reason or "")
    agent.may_answer.set()
    assert (await description.get(is_awaited=True)).version == "1"
    with pytest.raises(StopIteration) as at_once:  # it waits for nothing
        description.get().send(None)
    assert at_once.value.value.version == "1"
    assert agent.asked == 1


async def test_an_old_description_serves_until_there_is_a_newer_one(owner: TaskOwner) -> None:
    agent = Agent()
    agent.may_answer.set()
    description = Description("Heron", agent.ask, info, owner.start, Ages(fresh_s=0.0, retry_s=0.0))
    assert (await description.get()).version == "1"
    agent.may_answer.clear()
    assert [(await description.get()).version for _ in range(3)] == ["1", "1", "1"]
    await eventually(lambda: agent.asked == 2, what="the question to be asked again, once at a time")
    agent.may_answer.set()

    async def is_newer() -> bool:
        return (await description.get()).version != "1"

    await eventually(is_newer, what="the newer description")


@pytest.mark.parametrize(
    ("failure", "reason"),
    [(ProviderFailed("No heron: get one."), "No heron: get one."), (TimeoutError(), "Heron did not answer in time")],
)
async def test_why_there_is_none_is_told_and_asked_again(owner: TaskOwner, failure: Exception, reason: str) -> None:
    agent = Agent()
    agent.may_answer.set()
    agent.failure = failure
    description = Description("Heron", agent.ask, info, owner.start, Ages(fresh_s=60.0, retry_s=0.0))
    assert reason in ((await description.get()).reason or "")
    agent.failure = None
    assert (await description.get()).available
