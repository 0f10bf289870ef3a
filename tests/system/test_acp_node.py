"""An ACP agent through everything: configured by its command, driven from a socket, killed in its work."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.installation import Installation, installed
from tests.support.waiting import eventually

AGENT = Path(__file__).parents[1] / "support" / "acp_agent.py"
SAY = {"do": "say", "text": "done", "pieces": 1}


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Installation]:
    store = tmp_path / "store"
    store.mkdir()
    command = json.dumps([sys.executable, "-S", str(AGENT), str(store)])
    settings = {"providers.claude.enabled": "false", "providers.codex.enabled": "false"}
    environ = {"SWITCHYARD_PROVIDERS_ACP_HERON_COMMAND": command}
    async with installed(tmp_path / "home", settings, environ) as installation:
        yield installation
    await eventually(lambda: asyncio.to_thread(lambda: not agents(store)), what="the agents to end with their node")


def agents(store: Path) -> list[int]:
    """The running agents of this store."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if os.fsencode(AGENT) in words and os.fsencode(store) in words:
            found.append(int(entry.name))
    return found


def steps(*scripted: dict[str, Any]) -> str:
    return json.dumps(scripted)


async def test_it_is_offered_asks_dies_and_goes_on(whole: Installation) -> None:
    info = await whole.offered("heron")
    assert info["tag"] == "HE"
    assert len((await whole.op("providers.list"))["providers"]) == 1
    assert [mode["id"] for mode in info["modes"]] == ["plan", "ask", "accept-edits", "yolo"]
    session = str((await whole.session(provider="heron"))["id"])

    write = steps({"do": "write", "path": "note.txt", "text": "heron"}, SAY)
    asked = (await whole.play(session, write, until="approval_requested"))[-1]
    option = next(option["id"] for option in asked["options"] if option["kind"] == "allow_once")
    async with whole.watching(session, after=asked["seq"]) as watch:
        await whole.op("session.answer", session=session, approval=asked["approval"], option=option)
        assert (await watch.until("turn_ended"))[-1]["stop_reason"] == "end_turn"
    assert (whole.work / "note.txt").read_text() == "heron"

    sent = await whole.send(session, steps(SAY, {"do": "hold"}))
    async with whole.watching(session, after=sent["seq"]) as watch:
        await watch.until("delta")
        (pid,) = await asyncio.to_thread(agents, whole.home.parent / "store")
        os.kill(pid, signal.SIGKILL)
        ended = (await watch.until("turn_ended"))[-1]
    assert ended["stop_reason"] == "error"
    assert "ended by signal 9" in ended["error"]

    events = await whole.play(session, steps({"do": "recall"}))
    text = "".join(event["text"] for event in events if event["type"] == "agent_message")
    assert "note.txt" in text, events
    assert not [event for event in events if event["type"] == "notice"]


async def test_a_session_that_it_lists_is_read_and_goes_on_here(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    command = json.dumps([sys.executable, "-S", str(AGENT), str(store), "list"])
    settings = {"providers.claude.enabled": "false", "providers.codex.enabled": "false"}
    environ = {"SWITCHYARD_PROVIDERS_ACP_HERON_COMMAND": command}
    async with installed(tmp_path / "home", settings, environ) as whole:
        (store / "past.cwd").write_text(str(whole.work))
        (store / "past.json").write_text(json.dumps(["first"]))

        async def listed() -> list[dict[str, Any]]:
            return [each for each in (await whole.op("session.list"))["sessions"] if each["native_id"] == "past"]

        (native,) = await eventually(listed, what="the list of the agent")
        assert (native["status"], native["title"], native["path"]) == ("native", "first", str(whole.work))
        events = (await whole.op("session.events", session=native["id"]))["events"]
        told = [event["text"] for event in events if event["type"] in {"user_message", "agent_message"}]
        assert told == ["first", "an answer of the past"]
        events = await whole.play(native["id"], steps({"do": "recall"}))
        assert "I remember: first" in "".join(event["text"] for event in events if event["type"] == "agent_message")
        assert (await whole.op("session.get", session=native["id"]))["native_id"] == "past"
        assert [each["status"] for each in await listed()] == ["idle"]
    await eventually(lambda: asyncio.to_thread(lambda: not agents(store)), what="the agents to end with their node")
