"""Sessions of ours that somebody goes on with in a terminal, with the real agents: all is there, once."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest

from providers.claude.locate import find_command
from providers.codex.locate import find
from tests.contract.codex_harness import NEWEST, codex_environment
from tests.support.client import Subscription
from tests.support.waiting import eventually
from tests.system.laptop import until
from tests.system.test_node_claude import Claude, claude
from tests.system.test_node_codex import Codex, codex

__all__ = ["claude", "codex"]

pytestmark = [pytest.mark.cli, pytest.mark.timeout(180)]

TAKEN_IN = ["notice", "turn_started", "user_message", "agent_message", "turn_ended"]


class Node(Protocol):
    async def op(self, name: str, **params: Any) -> dict[str, Any]: ...


async def told(command: tuple[str, ...], folder: Path, given: Mapping[str, str]) -> list[dict[str, Any]]:
    """What a program says, as JSON Lines."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env={"PATH": "/usr/local/bin:/usr/bin:/bin", "IS_SANDBOX": "1", **given},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    said, _ = await process.communicate()
    return [json.loads(line) for line in said.splitlines()]


async def in_claude(claude: Claude, *arguments: str) -> str:
    """`claude -p`; the session's id."""
    given = {**claude.environment, "HOME": str(claude.home)}
    command = await asyncio.to_thread(find_command, (), given)
    assert command is not None
    said = await told((*command, "-p", *arguments, "--output-format", "json"), claude.project, given)
    return str(said[-1]["session_id"])


def answers(events: list[dict[str, Any]]) -> list[str]:
    return [each["text"] for each in events if each["type"] == "agent_message"]


async def turn_that_says(watch: Subscription, text: str) -> list[dict[str, Any]]:
    """That turn with the notice before it, whether it was taken in before the watch was live or after."""
    while answers(seen := await until(watch, "turn_ended")) != [text]:
        pass
    return [each for each in seen if each["type"] in TAKEN_IN]


async def journal(node: Node, session: str) -> list[dict[str, Any]]:
    """All of it, dense."""
    events = list((await node.op("session.events", session=session, limit=1000))["events"])
    assert [each["seq"] for each in events] == list(range(1, len(events) + 1))
    return events


async def native(node: Node) -> str:
    async def row() -> str | None:
        listed = (await node.op("session.list"))["sessions"]
        return next((each["id"] for each in listed if each["status"] == "native"), None)

    return await eventually(row, what="the session in the list")


async def test_a_session_of_claude_that_goes_on_in_a_terminal_here_and_there_again(claude: Claude) -> None:
    node = await claude.node()
    try:
        await claude.client.online_node("laptop")
        native_id = await in_claude(claude, "say first")
        session = await native(claude)
        async with claude.watching(session) as watch:
            await until(watch, "live")
        await claude.op("session.send", session=session, message_id="m1", text="say second")
        async with claude.watching(session) as watch:
            await turn_that_says(watch, "second")
        await in_claude(claude, "say third", "--resume", native_id)
        async with claude.watching(session) as watch:
            seen = await turn_that_says(watch, "third")
            assert [each["type"] for each in seen] == TAKEN_IN
            assert (seen[0]["code"], seen[2]["by"]) == ("continued_elsewhere", "terminal")
            await in_claude(claude, "say fourth", "--resume", native_id)
            await turn_that_says(watch, "fourth")
    finally:
        await node.kill()
    await in_claude(claude, "say fifth", "--resume", native_id)
    node = await claude.node()
    try:
        await claude.client.online_node("laptop")
        await claude.op("session.send", session=session, message_id="m2", text="recall")
        async with claude.watching(session) as watch:
            while not any("say fifth" in text for text in answers(await until(watch, "turn_ended"))):
                pass
        events = await journal(claude, session)
        *before, said = answers(events)
        assert before == ["first", "second", "third", "fourth", "fifth"]
        places = [said.find(f"say {each}") for each in before]
        assert places == sorted(places), "the agent remembers all of it"
        assert -1 not in places
        assert len([each for each in events if each.get("code") == "continued_elsewhere"]) == 3
        await claude.op("session.get", session=session)
        assert await journal(claude, session) == events
    finally:
        await node.stop()


async def test_a_session_of_codex_that_goes_on_in_a_terminal_and_here(codex: Codex) -> None:
    given = await asyncio.to_thread(codex_environment, codex.model, codex.home)
    found = await asyncio.to_thread(find, NEWEST, given, None)
    assert found is not None
    program = (found.command[0], "exec")
    node = await codex.node()
    try:
        await codex.client.online_node("laptop")
        made = await codex.op("session.create", path=str(codex.project), provider="codex")
        session = made["session"]["id"]
        assert await codex.said(session, "m1", "say first") == "first"
        native_id = (await codex.op("session.get", session=session))["native_id"]
    finally:
        await node.kill()
    resumed = (*program, "resume", "--json", "--skip-git-repo-check", native_id, "say second")
    assert (await told(resumed, codex.project, given))[0]["thread_id"] == native_id
    node = await codex.node()
    try:
        await codex.client.online_node("laptop")
        async with codex.watching(session) as watch:
            assert [each["type"] for each in await turn_that_says(watch, "second")] == TAKEN_IN
        said = await codex.said(session, "m2", "recall")
        assert "say first" in said
        assert "say second" in said
        assert answers(await journal(codex, session)) == ["first", "second", said]
    finally:
        await node.stop()
