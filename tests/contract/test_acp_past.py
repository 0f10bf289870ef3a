"""Sessions that an ACP agent lists by the protocol: found, read and continued."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from providers.acp import listed as listed_module
from providers.acp.asking import utc_of
from providers.acp.listed import ListedHistory
from providers.base import NativeHistory, NativeSession, ProviderFailed
from tests.contract.acp_harness import AcpHarness
from tests.contract.driver import of, said
from tests.support.waiting import eventually
from ws.protocol.events import AgentMessage, JournalEvent, Notice, TurnEnded, TurnStarted, UserMessage
from ws.tasks import TaskOwner

Make = Callable[..., AcpHarness]
HELLO = json.dumps([{"do": "say", "text": "hello", "pieces": 1}])


@pytest.fixture
def agent(folder: Path, tmp_path: Path, owner: TaskOwner) -> Make:
    def make(*variants: str) -> AcpHarness:
        return AcpHarness(folder, tmp_path / "acp", owner.start, variants)

    return make


def keep(harness: AcpHarness, name: str, *prompts: str, cwd: Path | None = None) -> None:
    """As the scripted agent keeps a session."""
    harness.store.mkdir(exist_ok=True)
    (harness.store / f"{name}.json").write_text(json.dumps(prompts))
    (harness.store / f"{name}.cwd").write_text(str(cwd or harness.folder))


def history(harness: AcpHarness) -> NativeHistory:
    found = harness.provider.history
    assert found is not None
    return found


async def test_what_it_lists_is_listed_over_all_pages(agent: Make) -> None:
    harness = agent("list")
    for number in range(5):
        keep(harness, f"s{number}", f"prompt\n{number}")
    keep(harness, "relative", "nowhere", cwd=Path("relative"))
    keep(harness, "odd", "no folder at all", cwd=Path("/odd\0name"))
    rows = await history(harness).sessions()
    assert sorted((row.native_id, row.title) for row in rows) == [(f"s{n}", f"prompt {n}") for n in range(5)]
    assert {row.path for row in rows} == {harness.folder}
    assert all(row.updated.endswith("Z") and row.turns is None for row in rows)
    assert not history(harness).is_followed


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("2026-11-21T12:00:00.5+01:00", "2026-11-21T11:00:00.500Z"),
        ("2026-11-21 12:00", "2026-11-21T12:00:00.000Z"),
        ("0001-01-01T00:00:00+01:00", "1970-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59-01:00", "1970-01-01T00:00:00.000Z"),
        ("yesterday", "1970-01-01T00:00:00.000Z"),
    ],
)
def test_whatever_time_an_agent_tells_is_one_that_can_be_written(told: str, read: str) -> None:
    assert utc_of(told) == read


async def test_the_description_brings_the_list(agent: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    harness = agent("list")
    keep(harness, "s1", "first")
    assert (await harness.provider.describe(is_awaited=True)).available
    monkeypatch.setattr(harness, "store", None)

    async def never(*given: Any) -> None:
        raise AssertionError("the agent is not started again")

    monkeypatch.setattr(ListedHistory, "_ask", never)
    assert [row.native_id for row in await history(harness).sessions()] == ["s1"]


async def test_one_that_cannot_list_has_no_history(agent: Make) -> None:
    harness = agent()
    assert await history(harness).sessions() == []
    assert harness.provider.history is None


async def test_one_is_read_as_whole_turns_and_goes_on_under_its_own_name(agent: Make) -> None:
    harness = agent("list")
    keep(harness, "s1", "first", "second")
    past = history(harness)
    await past.sessions()
    events = list(await past.transcript("s1"))
    assert [type(event) for event in events] == [TurnStarted, UserMessage, AgentMessage, TurnEnded] * 2
    assert [event.text for event in events if isinstance(event, UserMessage)] == ["first", "second"]
    assert len({event.message_id for event in events if isinstance(event, UserMessage | AgentMessage)}) == 4
    assert all(event.ts and not event.seq for event in events)
    assert harness.started == []
    driver = await harness.open(native_id="s1")
    turn = await driver.turn(json.dumps([{"do": "recall"}]))
    assert said(turn) == "I remember: first / second"
    assert not of(Notice, turn)
    await driver.agent.close()
    with pytest.raises(KeyError):
        await past.transcript("nothing")


async def test_one_that_cannot_show_a_past_says_what_to_do(agent: Make) -> None:
    harness = agent("list", "no-load")
    keep(harness, "s1", "first")
    past = history(harness)
    await past.sessions()
    with pytest.raises(ProviderFailed, match="send a prompt to continue it"):
        await past.transcript("s1")


async def test_an_old_list_is_shown_while_a_new_one_is_asked_for(
    owner: TaskOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists: asyncio.Queue[list[str]] = asyncio.Queue()
    reads: list[str] = []

    def row(name: str) -> NativeSession:
        updated = f"2026-11-21T18:00:{len(name):02}.000Z"
        return NativeSession(native_id=name[0], path=Path("/w"), title=name, updated=updated)

    async def list_now() -> list[NativeSession]:
        names = await lists.get()
        if not names:
            raise ProviderFailed("The agent is gone.")
        return [row(name) for name in names]

    async def read_now(native: NativeSession) -> list[JournalEvent]:
        reads.append(native.title)
        return []

    monkeypatch.setattr(listed_module, "FRESH_S", 0.0)
    monkeypatch.setattr(listed_module, "RETRY_S", 0.0)
    past = ListedHistory(list_now, read_now, owner.start)

    async def titles() -> list[str]:
        return [each.title for each in await past.sessions()]

    lists.put_nowait(["a", "bb"])
    assert await titles() == ["bb", "a"]
    one = await past.session("a")
    change = owner.start(past.changed(), name="change")
    assert await titles() == ["bb", "a"], "the next list is asked for, and nobody waits"
    lists.put_nowait(["a", "bbb"])
    await change
    assert await past.session("a") is one, "what has not changed is the same row"
    for name in ("a", "a", "b"):
        await past.transcript(name)
    assert reads == ["a", "bbb"]
    assert await titles() == ["bbb", "a"]
    lists.put_nowait([])
    await eventually(lists.empty, what="the question that fails")
    assert await titles() == ["bbb", "a"], "an agent that fails takes nothing away"


async def test_a_past_that_takes_longer_than_somebody_waits_is_there_when_they_ask_again(owner: TaskOwner) -> None:
    may_go_on, reads = asyncio.Event(), 0
    native = NativeSession(native_id="s1", path=Path("/w"), title="T", updated="2026-11-21T18:00:00.000Z")

    async def list_now() -> list[NativeSession]:
        return [native]

    async def read_now(_: NativeSession) -> list[JournalEvent]:
        nonlocal reads
        reads += 1
        await may_go_on.wait()
        return [TurnStarted()]

    past = ListedHistory(list_now, read_now, owner.start)
    await past.sessions()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await past.transcript("s1")
    may_go_on.set()
    assert [await past.transcript("s1"), await past.transcript("s1")] == [[TurnStarted()]] * 2
    assert reads == 1
