"""Agents that are missing, not signed in, refused by their model, or die: the sentence, and how the session goes on."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from providers.process import identify, is_alive
from tests.support.client import OpError
from tests.support.installation import Installation, installed
from tests.support.model_server import ModelServer
from tests.support.waiting import eventually

pytestmark = [pytest.mark.cli, pytest.mark.timeout(180)]


@contextlib.asynccontextmanager
async def with_claude(
    home: Path, environ: Mapping[str, str] | None = None, **settings: Any
) -> AsyncIterator[tuple[Installation, ModelServer]]:
    """An installation whose agent is the real CLI on a scripted model."""
    home.mkdir(exist_ok=True)
    async with ModelServer() as model:
        given = {
            "ANTHROPIC_BASE_URL": model.url,
            "ANTHROPIC_API_KEY": "sk-ant-scripted",
            "CLAUDE_CONFIG_DIR": str(home / ".claude"),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "1",
            **(environ or {}),
        }
        given = {name: value for name, value in given.items() if value}
        async with installed(home, settings, given) as installation:
            yield installation, model


async def session_of(installation: Installation) -> str:
    return str((await installation.session(provider="claude", model="claude-sonnet-4-5"))["id"])


def said(events: list[dict[str, Any]]) -> str:
    return "".join(event["text"] for event in events if event["type"] == "agent_message")


async def agent_pids(installation: Installation) -> list[int]:
    """The CLIs that have this installation's configuration folder in their environment."""
    mark = f"CLAUDE_CONFIG_DIR={installation.home}/.claude".encode()

    def look() -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                    command = (entry / "cmdline").read_bytes()
                    if b"--input-format" in command:
                        found.append(int(entry.name))
        return found

    return await asyncio.to_thread(look)


async def described(installation: Installation) -> dict[str, Any]:
    providers = (await installation.op("providers.list"))["providers"]
    return next(each for each in providers if each["id"] == "claude")


async def refusal_of_a_session(installation: Installation) -> str:
    with pytest.raises(OpError) as refused:
        await session_of(installation)
    assert (refused.value.status, refused.value.code) == (502, "provider_failed")
    return str(refused.value.problem["detail"])


async def unavailable(installation: Installation) -> str:
    """The reason in the list, once the CLI has ended."""

    async def ended() -> str | None:
        listed = await described(installation)
        assert not listed["available"]
        return None if "still starting" in listed["reason"] else str(listed["reason"])

    return await eventually(ended, what="the reason")


@pytest.mark.parametrize(
    ("command", "parts"),
    [
        (["/nonexistent/claude"], ["is not installed", "npm install -g @anthropic-ai/claude-code"]),
        (["/bin/false"], ["ended with exit code 1", "providers.claude.command"]),
        (["/bin/sh", "-c", "echo 'out of cheese' >&2; exit 3"], ["(out of cheese)", "providers.claude.command"]),
    ],
    ids=["missing", "ends at once", "ends with words"],
)
async def test_a_cli_that_does_not_run_is_said_in_the_list_and_when_a_session_is_wanted(
    tmp_path: Path, command: list[str], parts: list[str]
) -> None:
    async with with_claude(tmp_path, None, **{"providers.claude.command": command}) as (installation, _):
        reason = await unavailable(installation)
        assert all(part in reason for part in parts), reason
        assert await refusal_of_a_session(installation) == reason


async def test_not_signed_in_names_the_command_that_signs_in(tmp_path: Path) -> None:
    async with with_claude(tmp_path, {"ANTHROPIC_API_KEY": ""}) as (installation, _):
        reason = await unavailable(installation)
        assert "is not signed in: run `/" in reason
        assert "/claude auth login` on this machine" in reason
        assert "ANTHROPIC_API_KEY" in reason
        assert await refusal_of_a_session(installation) == reason


async def test_what_the_model_refuses_ends_the_turn_with_a_remedy_and_the_next_turn_works(tmp_path: Path) -> None:
    async with with_claude(tmp_path) as (installation, _):
        session = await session_of(installation)
        events: list[dict[str, Any]] = []
        for status, part in (
            (401, "claude auth login`"),
            (429, "wait until it resets"),
            (529, "send the prompt again"),
        ):
            events = await installation.play(session, f"error {status}")
            assert events[-1]["stop_reason"] == "error", events
            assert part in events[-1]["error"], events[-1]
            assert "\n" not in events[-1]["error"], "one line"
        events = await installation.play(session, "say all is well")
        assert (said(events), events[-1]["stop_reason"]) == ("all is well", "end_turn")


async def test_a_model_that_breaks_off_is_asked_again_and_nothing_is_doubled(tmp_path: Path) -> None:
    async with with_claude(tmp_path) as (installation, _):
        session = await session_of(installation)
        events = await installation.play(session, "drop 1\nsay whole again")
        assert events[-1]["stop_reason"] == "end_turn", events[-1]
        assert said(events) == "whole again"


async def test_a_model_that_hangs_is_interrupted_and_the_session_goes_on(tmp_path: Path) -> None:
    async with with_claude(tmp_path) as (installation, model):
        session = await session_of(installation)
        sent = await installation.send(session, "hang")
        await model.wait_for(lambda request: request.at.prompt == "hang")
        await installation.op("session.interrupt", session=session)
        async with installation.watching(session, after=sent["seq"]) as watch:
            assert (await watch.until("turn_ended"))[-1]["stop_reason"] == "cancelled"
        assert said(await installation.play(session, "say on we go")) == "on we go"


async def test_a_killed_cli_ends_the_turn_with_its_cause_and_the_next_prompt_remembers(tmp_path: Path) -> None:
    async with with_claude(tmp_path) as (installation, model):
        session = await session_of(installation)
        assert said(await installation.play(session, "say the heron")) == "the heron"
        before = (await installation.op("session.get", session=session))["native_id"]
        sent = await installation.send(session, "hang")
        await model.wait_for(lambda request: request.at.prompt == "hang")
        (pid,) = await agent_pids(installation)
        os.kill(pid, signal.SIGKILL)
        async with installation.watching(session, after=sent["seq"]) as watch:
            ended = (await watch.until("turn_ended"))[-1]
        assert ended["stop_reason"] == "error"
        assert "signal 9" in ended["error"]
        assert "next prompt" in ended["error"]
        events = await installation.play(session, "recall")
        assert "say the heron" in said(events)
        assert (await installation.op("session.get", session=session))["native_id"] == before


@pytest.mark.parametrize("point", ["streaming", "asking"])
async def test_a_killed_node_leaves_no_agent_behind_and_the_next_prompt_remembers(tmp_path: Path, point: str) -> None:
    async with with_claude(tmp_path) as (installation, _):
        session = await session_of(installation)
        await installation.play(session, "say the heron")
        target = installation.work / "asked.txt"
        prompt = f"write {target} text" if point == "asking" else "slow 400 0.05"
        sent = await installation.send(session, prompt)
        async with installation.watching(session, after=sent["seq"]) as watch:
            await watch.until("approval_requested" if point == "asking" else "delta")
        (pid,) = await agent_pids(installation)
        agent = await asyncio.to_thread(identify, pid)
        node_log = installation.home / ".switchyard" / "local-node.log"
        node = await node_pid(installation)
        os.kill(node, signal.SIGKILL)
        await eventually(lambda: is_started_anew(installation, node), what="another node", deadline_s=30)

        async def is_gone() -> bool:
            return not await asyncio.to_thread(is_alive, agent)

        await eventually(is_gone, what=f"the agent {pid} to be gone; the node: {node_log.read_text()}")
        events = (await installation.op("session.events", session=session, after=sent["seq"], limit=1000))["events"]
        ended = [event for event in events if event["type"] == "turn_ended"]
        assert [event["stop_reason"] for event in ended] == ["node_restarted"]
        if point == "asking":
            resolved = [event["outcome"] for event in events if event["type"] == "approval_resolved"]
            assert resolved == ["withdrawn"]
            assert not target.exists()
        assert "say the heron" in said(await installation.play(session, "recall"))


async def node_pid(installation: Installation) -> int:
    lock = installation.home / ".switchyard" / "node.db.lock"
    noted = (await asyncio.to_thread(lock.read_text)).split()
    return int(noted[0]) if noted else 0


async def is_started_anew(installation: Installation, former: int) -> bool:
    """Another process holds the lock, and Main has noticed that the former one has gone."""
    (entry,) = (await installation.client.op("nodes.list"))["nodes"]
    return await node_pid(installation) not in {0, former} and entry["status"] == "online"
