"""What an agent tells in a form that could not be read back costs that event, and no turn and no session."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from node.sessions.sound import sound
from tests.support.agents import OPTIONS, approval
from tests.support.waiting import eventually
from tests.unit.node.sessions.bench import bench
from ws.protocol.events import (
    AgentMessage,
    ApprovalOption,
    ApprovalResolved,
    Delta,
    Notice,
    TextContent,
    ToolCallUpdate,
    TurnEnded,
)

LONG = "m" * 300


def test_a_long_name_is_shortened_alike_for_the_stream_and_for_the_block() -> None:
    delta = sound(Delta(message_id=LONG, kind="text", offset=0, text="x"))
    block = sound(AgentMessage(message_id=LONG, text="x"))
    other = sound(AgentMessage(message_id=LONG + "n", text="x"))
    assert isinstance(delta, Delta)
    assert isinstance(block, AgentMessage)
    assert isinstance(other, AgentMessage)
    assert 0 < len(block.message_id) <= 128
    assert delta.message_id == block.message_id != other.message_id


@pytest.mark.parametrize(
    "event",
    [
        AgentMessage(message_id="m", text="half a character: \udcff"),
        ToolCallUpdate(tool_call_id="c", status="nonsense", content=[TextContent(text="x")]),  # type: ignore[arg-type]
        ToolCallUpdate(tool_call_id="c", status="completed", content=None),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_kept_is_a_notice(event: AgentMessage | ToolCallUpdate) -> None:
    notice = sound(event)
    assert isinstance(notice, Notice)
    assert notice.code == "unknown_event"
    assert sound(notice) is notice


def test_the_end_of_a_turn_stays_one() -> None:
    ended = sound(TurnEnded(stop_reason="end_turn", anchor="\udcff"))
    assert isinstance(ended, TurnEnded)
    assert ended.stop_reason == "error"
    assert sound(ended) is ended


async def test_a_session_survives_all_of_it_and_a_restart(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "m1")
        await node.prompted()
        agent = node.provider.agent
        await agent.say(AgentMessage(message_id=LONG, text="Long"))
        await agent.say(AgentMessage(message_id="odd", text="\udcff"))
        options = [*OPTIONS[:-1], ApprovalOption(id="no", name="Deny", kind="reject_once")]
        odd = ApprovalOption(id=LONG, name="Odd", kind="allow_once")
        await agent.say(replace(approval("a1"), options=[*options, odd]))
        answer = await eventually(lambda: agent.answers.get("a1"), what="the refusal of what nobody could answer")
        assert answer.option == "no"
        await agent.end()
        await node.idle(session)
        before = await node.events(session)
        assert not [event for event in before if isinstance(event, ApprovalResolved)]
        assert [event.text for event in before if isinstance(event, AgentMessage)] == ["Long"]
        assert [event.code for event in before if isinstance(event, Notice)] == ["unknown_event"] * 2
        await node.restart(is_crash=True)
        assert await node.events(session) == before
