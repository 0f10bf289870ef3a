"""A journal as a document: everything that was said and done, in parts, and nothing that breaks out of its frame."""

from pathlib import Path

import msgspec
import pytest

from node.sessions.export import PART_BYTES, export
from tests.unit.node.sessions.bench import NODE, Bench, bench
from ws.protocol.base import now
from ws.protocol.events import AgentMessage, DiffContent, ToolCall, ToolCallUpdate
from ws.protocol.sessions import SessionExportParams


async def _with_a_turn(node: Bench) -> str:
    session = await node.create()
    await node.send(session, "m1", text="please\n# change it")
    await node.prompted()
    agent = node.provider.agent
    call = ToolCall(tool_call_id="t", name="Edit", kind="edit", title="Edit\nfile", input={"path": "/a"})
    done = ToolCallUpdate(
        tool_call_id="t",
        status="completed",
        content=[DiffContent(path="/a", old_text=None, new_text="````\nnot the end of the block")],
    )
    for event in (AgentMessage(message_id="a", text="I *will*."), call, done):
        await agent.say(event)
    await agent.end()
    await node.idle(session)
    return session


async def test_markdown_tells_what_was_said_and_done(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await _with_a_turn(node)
        document = await node.service.export(SessionExportParams(node=NODE, session=session))
    assert document.next_after is None
    assert document.name.endswith(".md")
    assert "> please\n> # change it\n" in document.content
    assert "I *will*.\n" in document.content
    assert "**Edit file**" in document.content
    assert "`````\n````\nnot the end of the block\n`````\n" in document.content
    assert "Turn ended: end_turn" in document.content


async def test_json_is_the_journal_itself_an_event_a_line(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await _with_a_turn(node)
        document = await node.service.export(SessionExportParams(node=NODE, session=session, format="json"))
        head = node.service.get(session).head
    seqs = [msgspec.json.decode(line)["seq"] for line in document.content.splitlines()]
    assert seqs == list(range(1, head + 1))


@pytest.mark.parametrize("form", ["json", "markdown"])
async def test_a_long_journal_comes_in_parts_that_join(tmp_path: Path, form: str) -> None:
    async with bench(tmp_path) as node:
        state = node.service.get(await node.create())
    long = "x" * 900_000
    journal = [AgentMessage(seq=seq, ts=now(), message_id=f"m{seq}", text=f"{seq}:{long}") for seq in range(1, 8)]
    state = msgspec.structs.replace(state, head=7)
    bodies = [msgspec.json.encode(event) for event in journal]
    after, parts = 0, []
    while True:
        part = export(state, bodies[after:], after, form)
        parts.append(part.content)
        assert len(part.content) < PART_BYTES + 1_100_000
        if part.next_after is None:
            break
        after = part.next_after
    whole = "".join(parts)
    assert len(parts) > 2
    assert [whole.count(f"{seq}:x") for seq in range(1, 8)] == [1] * 7
