"""Log lines: one id for what one request does, on both sides of the link; no content."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import OpError
from tests.support.installation import installed, scripted
from tests.support.waiting import eventually


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines() if line.startswith("{")]


@pytest.mark.timeout(120)
async def test_a_call_has_one_id_on_both_sides_and_says_no_content(tmp_path: Path) -> None:
    file = tmp_path / "main.log"
    logged = {"log.format": "json", "log.file": str(file), "log.level": "debug"}
    node = {"SWITCHYARD_LOG_FORMAT": "json"}
    async with installed(tmp_path, {**scripted(tmp_path), **logged}, node) as yard:
        session = await yard.session(title="a title that is content")
        await yard.play(session["id"], "hello")
        with pytest.raises(OpError):
            await yard.op("files.list", path="/etc/passwd-is-a-path")

        def noted() -> list[dict[str, Any]]:
            return [line for line in lines(file) if line["event"] == "call" and line["outcome"] != "ok"]

        failed = (await eventually(noted, what="the failure to be logged"))[0]
        assert failed["level"] == "info"
        assert failed["op"] == "files.list"
        assert failed["node"] == yard.node
        sent = [line for line in lines(file) if line["event"] == "call" and line["op"] == "session.send"]
        assert sent[0]["session"] == session["id"]
        ids = [line["request"] for line in lines(file) if line["event"] == "call"]
        assert len(set(ids)) == len(ids), "each call has its own"

        def carried() -> bool:
            """A request is logged once it is answered, so whoever has the answer may be earlier."""
            return failed["request"] in {line["request"] for line in lines(file) if line["event"] == "request"}

        await eventually(carried, what="the request that carried it, with the same id")
        text = file.read_text()
        for content in ("a title that is content", "Hello there", "passwd-is-a-path", "correct horse"):
            assert content not in text
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_log_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    file = tmp_path / "main.log"
    async with installed(tmp_path, {**scripted(tmp_path), "log.file": str(file), "log.level": "debug"}) as yard:
        file.rename(tmp_path / "main.log.1")
        await yard.op("files.list", path=str(yard.work))
        await eventually(file.exists, what="a new log")
        assert file.stat().st_mode & 0o777 == 0o600
