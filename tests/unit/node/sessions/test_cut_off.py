"""What people saw of a turn that was cut off stays: unfinished blocks become durable in front of its end."""

from pathlib import Path

import pytest

from node.sessions import deltas as deltas_module
from tests.support.waiting import eventually
from tests.unit.node.sessions.bench import Bench, bench
from ws.protocol.events import AgentMessage, AgentThought, Delta, TurnEnded


def _text(message_id: str, offset: int, text: str) -> Delta:
    return Delta(message_id=message_id, kind="text", offset=offset, text=text)


async def _begun(node: Bench) -> str:
    session = await node.create(title="T")
    await node.send(session, "m1")
    await node.prompted()
    return session


async def _blocks(node: Bench, session: str) -> list[tuple[str, str]]:
    return [
        (event.message_id, event.text)
        for event in await node.events(session)
        if isinstance(event, AgentMessage | AgentThought)
    ]


async def test_text_of_an_agent_that_dies_in_its_turn_is_kept(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await _begun(node)
        await node.provider.agent.say(
            Delta(message_id="a", kind="thought", offset=0, text="Hm"), _text("b", 0, "Good "), _text("b", 5, "mor")
        )
        node.provider.agent.die()
        await node.idle(session)
        thought, message, ended = (await node.events(session))[-3:]
        assert isinstance(thought, AgentThought)
        assert isinstance(message, AgentMessage)
        assert isinstance(ended, TurnEnded)
        assert (thought.message_id, thought.text, thought.turn) == ("a", "Hm", ended.turn)
        assert (message.message_id, message.text) == ("b", "Good mor")
        assert ended.stop_reason == "error"


@pytest.mark.parametrize("reason", ["error", "cancelled"])
async def test_text_is_kept_when_the_agent_ends_the_turn_itself_and_the_next_turn_goes_on(
    tmp_path: Path, reason: str
) -> None:
    async with bench(tmp_path) as node:
        session = await _begun(node)
        await node.provider.agent.say(_text("a", 0, "So f"))
        await node.provider.agent.end(TurnEnded(stop_reason=reason))  # type: ignore[arg-type]  # one of two words
        await node.idle(session)
        await node.send(session, "m2")
        await node.prompted()
        await node.provider.agent.say(AgentMessage(message_id="b", text="Next."))
        await node.provider.agent.end()
        await node.idle(session)
        assert await _blocks(node, session) == [("a", "So f"), ("b", "Next.")]


async def test_text_is_kept_when_the_node_stops(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await _begun(node)
        await node.provider.agent.say(_text("a", 0, "Half a"), AgentMessage(message_id="z", text="."))
        await node.until(session, lambda state: state.head == 5)
        await node.restart(is_crash=False)
        assert await _blocks(node, session) == [("z", "."), ("a", "Half a")]
        assert (await node.types(session))[-1] == "turn_ended"


async def test_a_finished_block_is_not_kept_again_and_a_retry_keeps_what_it_began_anew(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await _begun(node)
        await node.provider.agent.say(
            _text("a", 0, "Do"),
            AgentMessage(message_id="a", text="Done"),
            _text("b", 0, "First try"),
            _text("b", 0, "Sec"),
            Delta(message_id="c", kind="thought", offset=0, text="A dead attempt"),
            _text("c", 0, "Third"),
            _text("d", 0, ""),
        )
        node.provider.agent.die()
        await node.idle(session)
        assert await _blocks(node, session) == [("a", "Done"), ("b", "Sec"), ("c", "Third")]


async def test_a_turn_that_ends_well_keeps_only_what_is_durable(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await _begun(node)
        await node.provider.agent.say(_text("a", 0, "Dropped by the agent"))
        await node.provider.agent.end()
        await node.idle(session)
        assert await _blocks(node, session) == []


async def _kept(node: Bench) -> str:
    """What lies beside the journals."""
    read = node.store.database.read
    rows = await read(lambda connection: connection.execute("SELECT body FROM unfinished").fetchall())
    return "".join(bytes(row["body"]).decode() for row in rows)


async def test_text_is_kept_when_the_node_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deltas_module, "KEEP_INTERVAL_S", 0.01)
    async with bench(tmp_path) as node:
        session = await _begun(node)
        say = node.provider.agent.say
        await say(Delta(message_id="a", kind="thought", offset=0, text="Hm"))
        await say(AgentThought(message_id="a", text="Hmm."))
        await say(_text("b", 0, "Good "), _text("b", 5, "mor"))
        await node.send(session, "m2")  # an event that has nothing to do with it

        async def has_all() -> bool:
            return "mor" in await _kept(node)

        await eventually(has_all, what="the text beside the journal")
        await node.restart(is_crash=True)
        assert await _blocks(node, session) == [("a", "Hmm."), ("b", "Good mor")]
        events = await node.events(session)
        ended = next(event for event in events if isinstance(event, TurnEnded))
        assert (events[events.index(ended) - 1].turn, ended.stop_reason) == (ended.turn, "node_restarted")
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert await _kept(node) == ""


async def test_a_block_that_was_finished_before_the_kill_is_not_there_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deltas_module, "KEEP_INTERVAL_S", 0.01)
    async with bench(tmp_path) as node:
        session = await _begun(node)
        await node.provider.agent.say(_text("b", 0, "Good "))

        async def is_kept() -> bool:
            return "Good" in await _kept(node)

        await eventually(is_kept, what="the text beside the journal")
        await node.provider.agent.say(AgentMessage(message_id="b", text="Good morning."))

        async def is_written() -> bool:
            return bool(await _blocks(node, session))

        await eventually(is_written, what="the block")
        assert await _kept(node) == ""
        await node.restart(is_crash=True)
        assert await _blocks(node, session) == [("b", "Good morning.")]
