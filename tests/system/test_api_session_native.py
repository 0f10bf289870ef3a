"""A session that somebody had with the real Claude Code in a terminal: found, read, continued here under its own id."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from providers.claude.locate import find_command
from tests.support.client import OpError
from tests.support.installation import Installation, installed
from tests.support.model_server import ModelServer
from tests.support.waiting import eventually

pytestmark = [pytest.mark.cli, pytest.mark.timeout(120)]


def environment(model: ModelServer, home: Path) -> dict[str, str]:
    return {
        "ANTHROPIC_BASE_URL": model.url,
        "ANTHROPIC_API_KEY": "sk-ant-of-the-tests",
        "CLAUDE_CONFIG_DIR": str(home / ".claude"),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_MAX_RETRIES": "1",
        "IS_SANDBOX": "1",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
    }


async def in_a_terminal(folder: Path, given: dict[str, str], *arguments: str) -> str:
    """`claude -p`; the session's id."""
    command = await asyncio.to_thread(find_command, (), given)
    assert command is not None
    process = await asyncio.create_subprocess_exec(
        *command, "-p", *arguments, "--output-format", "json",
        cwd=folder, env=given, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    told, _ = await process.communicate()
    return str(json.loads(told)["session_id"])


async def natives(whole: Installation, **params: Any) -> list[dict[str, Any]]:
    listed = (await whole.client.op("session.list", **params))["sessions"]
    return [each for each in listed if each["status"] == "native"]


def answers(events: list[dict[str, Any]]) -> list[str]:
    return [each["text"] for each in events if each["type"] == "agent_message"]


async def test_a_session_of_the_terminal_goes_on_here_and_nothing_of_it_is_rewritten(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    async with ModelServer() as model:
        given = environment(model, home)
        settings = {"providers.scripted.enabled": "false"}
        async with installed(home, settings, given) as whole:
            native_id = await in_a_terminal(whole.work, given, "say from the terminal")
            (row,) = await eventually(lambda: natives(whole), what="the session in the list")
            assert (row["native_id"], row["title"], row["turns"]) == (native_id, "say from the terminal", 1)
            assert await natives(whole, native=False) == []
            assert await natives(whole, query="FROM THE TERM") == [row]
            (transcript,) = (home / ".claude" / "projects").glob("*/*.jsonl")
            before = transcript.read_bytes()
            page = await whole.op("session.events", session=row["id"])
            assert answers(page["events"]) == ["from the terminal"]
            async with whole.watching(row["id"]) as watch:
                await watch.until("live")
                await in_a_terminal(whole.work, given, "say once more", "--resume", native_id)
                assert answers(await watch.until("turn_ended")) == ["once more"]
            played = await whole.play(row["id"], "recall")
            assert played[-1]["stop_reason"] == "end_turn"
            (said,) = answers(played)
            assert "say from the terminal" in said
            assert "say once more" in said
            assert await natives(whole) == []
            state = await whole.op("session.get", session=row["id"])
            assert (state["native_id"], state["status"]) == (native_id, "idle")
            events = (await whole.op("session.events", session=row["id"], limit=1000))["events"]
            assert [each["seq"] for each in events] == list(range(1, len(events) + 1))
            assert events[: len(page["events"])] == page["events"]
            (transcript,) = (home / ".claude" / "projects").glob("*/*.jsonl")
            assert transcript.read_bytes().startswith(before), "the same native session, only longer"
            with pytest.raises(OpError) as refused:
                await whole.session(provider="claude", resume=native_id)
            assert refused.value.code == "conflict"
            await whole.op("session.delete", session=row["id"])
            assert await natives(whole) == []
            assert transcript.exists()
