"""Native sessions that one of ours has left: not listed as others, whenever the node dies."""

from pathlib import Path

import pytest

from tests.support.waiting import eventually
from tests.unit.node.sessions.bench import bench
from tests.unit.node.sessions.test_native import FakeHistory, provider, rows, turn
from ws.protocol.events import NativeIdKnown


async def test_what_a_session_has_left_behind_is_no_session_of_its_own_even_when_the_node_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`/clear` begins another native session; the old one holds what stands in our journal already."""
    history = FakeHistory({"one": turn(1), "two": turn(2)})
    made = provider(history)
    async with bench(tmp_path, made) as node:
        native = next(each for each in await rows(node) if each.native_id == "one")
        await node.send(native.id, "m1")
        await node.prompted()
        hidden = node.service._library._hidden
        known = [node.service.get(native.id).native_id]
        hide = hidden.add

        async def add(key: tuple[str, str]) -> None:
            known.append(node.service.get(native.id).native_id)
            await hide(key)

        monkeypatch.setattr(hidden, "add", add)
        await made.agent.say(NativeIdKnown(native_id="two"))
        await eventually(lambda: node.service.get(native.id).native_id == "two", what="the new name")
        assert known == ["one", "one"], "hidden before it is journalled"
        assert [each.native_id for each in await rows(node)] == ["two"]
        await node.restart(is_crash=True)
        assert [each.native_id for each in await rows(node)] == ["two"]
