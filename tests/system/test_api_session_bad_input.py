"""What goes wrong in a session through the whole API: each a clear error, and the session goes on."""

import base64
from typing import Any

import pytest

from tests.support.client import OpError
from tests.support.installation import Installation

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("api bad input"),
    pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning"),  # that is what is tested
]

SESSION_OPS: list[tuple[str, dict[str, Any]]] = [
    ("session.get", {}),
    ("session.events", {}),
    ("session.export", {}),
    ("session.update", {"title": "x"}),
    ("session.send", {"message_id": "m", "text": "x"}),
    ("session.queue", {"action": "list"}),
    ("session.interrupt", {}),
    ("session.answer", {"approval": "a", "option": "yes"}),
    ("session.fork", {}),
    ("session.rewind", {"message_id": "m"}),
    ("session.stop_task", {"task": "t"}),
    ("session.delete", {}),
]


async def refusal(whole: Installation, op: str, **params: Any) -> tuple[int, str | None, str]:
    with pytest.raises(OpError) as refused:
        await whole.op(op, **params)
    return refused.value.status, refused.value.code, str(refused.value.problem["detail"])


@pytest.mark.parametrize(("op", "params"), SESSION_OPS, ids=[op for op, _ in SESSION_OPS])
@pytest.mark.parametrize("session", ["nobody", "n-nobodys-own"])
async def test_an_unknown_session(whole: Installation, op: str, params: dict[str, Any], session: str) -> None:
    status, code, detail = await refusal(whole, op, session=session, **params)
    assert (status, code) == (404, "not_found")
    assert "no such session" in detail


async def test_an_agent_that_this_machine_has_not(whole: Installation) -> None:
    params = {"path": str(whole.work), "provider": "nobody"}
    status, code, detail = await refusal(whole, "session.create", **params)
    assert (status, code, "providers.list" in detail) == (404, "not_found", True)


def picture(content: bytes) -> dict[str, str]:
    return {"type": "image", "name": "p", "data_url": f"data:image/png;base64,{base64.b64encode(content).decode()}"}


@pytest.mark.parametrize(
    ("attachment", "status", "words"),
    [
        (picture(b"no picture at all"), 400, "no picture that agents take"),
        (picture(b"\xff\xd8\xff\xe0 a JPEG"), 400, "but is image/jpeg"),
        (picture(b"\x89PNG\r\n\x1a\n" + bytes(2 * 1024 * 1024)), 413, "attach less or smaller"),
    ],
    ids=["no picture", "another format", "too large"],
)
async def test_a_picture_that_is_none(whole: Installation, attachment: dict[str, str], status: int, words: str) -> None:
    session = (await whole.session())["id"]
    sent: dict[str, Any] = {"session": session, "message_id": "m1", "text": "Look", "attachments": [attachment]}
    found = await refusal(whole, "session.send", **sent)
    assert (found[0], words in found[2]) == (status, True), found
    assert (await whole.op("session.get", session=session))["head"] == 1
    assert (await whole.play(session, "hello"))[-1]["stop_reason"] == "end_turn"


async def test_a_paste_of_20_megabytes(whole: Installation) -> None:
    session = (await whole.session())["id"]
    found = await refusal(whole, "session.send", session=session, message_id="m1", text="x" * 20 * 1024 * 1024)
    assert found[:2] == (413, "too_large")
    found = await refusal(whole, "session.send", session=session, message_id="m1", text="x" * 300_000)
    assert found[:2] == (400, "invalid")
    assert (await whole.op("session.get", session=session))["head"] == 1
    assert (await whole.play(session, "hello"))[-1]["stop_reason"] == "end_turn"


async def test_answering_what_was_withdrawn_or_answered(whole: Installation) -> None:
    session = (await whole.session())["id"]
    asked = (await whole.play(session, "write", until="approval_requested"))[-1]
    async with whole.watching(session) as watch:
        await whole.op("session.interrupt", session=session)
        await watch.until("turn_ended")
    answer = {"session": session, "approval": asked["approval"], "option": "allow"}
    status, code, detail = await refusal(whole, "session.answer", **answer)
    assert (status, code, "does not ask this any more" in detail) == (409, "conflict", True)
    asked = (await whole.play(session, "ask", until="approval_requested"))[-1]
    answer = {"session": session, "approval": asked["approval"], "option": "skip"}
    await whole.op("session.answer", **answer)
    with pytest.raises(OpError) as refused:
        await whole.op("session.answer", **answer)
    assert (refused.value.status, refused.value.problem["winner"]["option"]) == (409, "skip")


async def test_a_mode_that_the_agent_has_not(whole: Installation) -> None:
    session = (await whole.session())["id"]
    found = await refusal(whole, "session.update", session=session, mode="everything")
    assert found[:2] == (400, "invalid")
