"""What people may do with waiting prompts has bounds: the whole queue fits one answer."""

from pathlib import Path

import pytest

from node.sessions.queueing import MAX_WAITING, MAX_WAITING_BYTES
from tests.unit.node.sessions.bench import bench
from ws.protocol.errors import ErrorCode, WireError

LONG = "x" * 250_000


async def test_no_more_prompts_wait_than_one_answer_tells(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "runs")
        await node.prompted()
        for number in range(MAX_WAITING):
            await node.send(session, f"m{number}")
        with pytest.raises(WireError, match="100 prompts wait already") as refused:
            await node.send(session, "one-more")
        assert refused.value.code is ErrorCode.TOO_LARGE
        assert (await node.send(session, "m0")).duplicate
        await node.queue(session, "drop", message_id="m0")
        await node.send(session, "one-more")


async def test_nor_any_that_are_larger_together(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "runs")
        await node.prompted()
        count = MAX_WAITING_BYTES // len(LONG)
        for number in range(count):
            await node.send(session, f"m{number}", LONG)
        await node.send(session, "short")
        with pytest.raises(WireError, match="4 MiB") as refused:
            await node.send(session, "long", LONG)
        assert refused.value.code is ErrorCode.TOO_LARGE
        with pytest.raises(WireError, match="4 MiB"):
            await node.queue(session, "edit", message_id="short", text=LONG)
        await node.queue(session, "move", message_id="short", before="m0")
        await node.queue(session, "edit", message_id="m1", text="no more")
        await node.send(session, "long", LONG[:200_000])


async def test_an_edited_prompt_larger_than_an_event_is_refused(tmp_path: Path) -> None:
    async with bench(tmp_path) as node:
        session = await node.create()
        await node.send(session, "runs")
        await node.prompted()
        await node.send(session, "m1", "as it was")
        with pytest.raises(WireError) as refused:
            await node.queue(session, "edit", message_id="m1", text="\x01" * 200_000)
        assert refused.value.code is ErrorCode.TOO_LARGE
        assert [each.text for each in node.service.get(session).queue] == ["as it was"]
