"""A session that somebody had with the real Qwen Code in a terminal: found, read, continued here, and there again."""

import asyncio
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.installation import Installation, installed
from tests.support.model_server import ModelServer
from tests.support.waiting import eventually

QWEN = Path(__file__).parents[2] / ".tools/qwen/node_modules/.bin/qwen"

pytestmark = [pytest.mark.cli, pytest.mark.timeout(180), pytest.mark.xdist_group("qwen")]


def environment(model: ModelServer, home: Path) -> dict[str, str]:
    return {
        "PATH": f"{Path(shutil.which('node') or '').parent}:{os.defpath}",
        "HOME": str(home),
        "QWEN_HOME": str(home / "qwen"),
        "LANG": "C.UTF-8",
        "OPENAI_API_KEY": "sk-scripted",
        "OPENAI_BASE_URL": f"{model.url}/v1",
        "OPENAI_MODEL": "scripted-model",
        "SWITCHYARD_PROVIDERS_ACP_QWEN_COMMAND": f'["{QWEN}", "--acp"]',
    }


async def in_a_terminal(folder: Path, given: Mapping[str, str], *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        QWEN, *arguments, cwd=folder, env=dict(given),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert await process.wait() == 0


def said(events: list[dict[str, Any]]) -> list[str]:
    return [each["text"] for each in events if each["type"] == "agent_message"]


async def events(whole: Installation, session: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await whole.op("session.events", session=session, limit=1000))["events"]
    return found


async def test_it_goes_on_here_and_in_the_terminal_again_and_all_is_there_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "qwen").mkdir(parents=True)
    auth = '{"security": {"auth": {"selectedType": "openai"}}, "general": {"disableAutoUpdate": true}}'
    (home / "qwen" / "settings.json").write_text(auth)
    async with ModelServer() as model:
        given = environment(model, home)
        settings = {"providers.claude.enabled": "false", "providers.codex.enabled": "false"}
        async with installed(home, settings, given) as whole:
            await in_a_terminal(whole.work, given, "-p", "say from the terminal")

            async def natives() -> list[dict[str, Any]]:
                return [each for each in (await whole.op("session.list"))["sessions"] if each["provider"] == "qwen"]

            (row,) = await eventually(natives, what="the session in the list")
            assert (row["status"], row["title"], row["turns"]) == ("native", "say from the terminal", 1)
            assert said(await events(whole, row["id"])) == ["from the terminal"]
            await whole.offered("qwen")
            (answer,) = said(await whole.play(row["id"], "recall"))
            assert "say from the terminal" in answer
            state = await whole.op("session.get", session=row["id"])
            assert (state["native_id"], state["status"]) == (row["native_id"], "idle")
            assert [each["id"] for each in await natives()] == [row["id"]]

            await in_a_terminal(whole.work, given, "--resume", row["native_id"], "-p", "say again there")
            async with whole.watching(row["id"]) as watch:
                while "again there" not in said(await watch.until("turn_ended")):
                    pass
            found = await events(whole, row["id"])
            assert said(found) == ["from the terminal", answer, "again there"]
            assert [each["seq"] for each in found] == list(range(1, len(found) + 1))
            (notice,) = [each for each in found if each["type"] == "notice"]
            assert notice["code"] == "continued_elsewhere"
