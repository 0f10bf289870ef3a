"""What follows an agent's own sessions survives its defects."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from node.sessions.native import following
from node.sessions.native.following import go_on
from providers.base import NativeSession
from tests.unit.node.sessions.bench import DEADLINE_S, NODE, bench, decode_watched
from tests.unit.node.sessions.test_continued import eager, later, taken_over
from tests.unit.node.sessions.test_native import FakeHistory, provider, rows, turn
from ws.protocol.sessions import SessionWatchParams


async def test_a_defect_is_logged_once_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    sleep = asyncio.sleep

    async def slept(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", slept)
    plan = iter([None, ValueError("one"), ValueError("two"), ValueError("three"), None, KeyError("four")])
    left = 6

    async def work() -> None:
        nonlocal left
        left -= 1
        if (error := next(plan)) is not None:
            raise error

    with capture_logs() as logs:
        await go_on(work, "it", lambda: left > 0)
    assert waits == [1.0, 2.0, 4.0, 1.0]
    assert [(line["event"], line["what"]) for line in logs] == [("following_failed", "it")] * 2


async def test_a_watch_goes_on_after_an_error_that_nobody_foresaw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "FIRST_WAIT_S", 0.01)

    class Faulty(FakeHistory):
        faults = 0

        async def session(self, native_id: str) -> NativeSession | None:
            if self.faults:
                self.faults -= 1
                raise ZeroDivisionError("nobody foresaw this")
            return await super().session(native_id)

    history = Faulty({"one": turn(1)})
    async with bench(tmp_path, provider(history)) as node, asyncio.timeout(DEADLINE_S):
        (native,) = await rows(node)
        _, stream = await node.service.watch_any(SessionWatchParams(node=NODE, session=native.id))
        for _ in range(6):
            await anext(stream)
        history.faults = 3
        with capture_logs():  # writing a traceback reads files
            history.grow("one", turn(2))
            grown = [decode_watched(await anext(stream)) for _ in range(4)]
        assert [event.seq for event in grown] == [6, 7, 8, 9]
        assert history.faults == 0


async def test_a_transcript_that_nobody_can_read_keeps_no_prompt_from_its_agent(tmp_path: Path) -> None:
    history = FakeHistory({"one": turn(1)})
    async with bench(tmp_path, eager(history)) as node:
        session = await taken_over(node, history)
        history.grow("one", later("x"))

        async def transcript(native_id: str) -> Any:
            raise ZeroDivisionError(native_id)

        history.transcript = transcript  # type: ignore[method-assign]
        with capture_logs() as logs:
            await node.send(session, "m2")
            await node.idle(session)
        assert "not_caught_up" in {line["event"] for line in logs}
        assert [prompt.message_id for agent in node.provider.agents for prompt in agent.prompts] == ["m1", "m2"]
