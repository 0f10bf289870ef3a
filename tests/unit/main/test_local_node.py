"""What Main does when its node ends or cannot be started, and what it says of that."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from main import local_node
from main.local_node import RECORD, LocalNode, last_words
from main.store import open_store
from tests.support.waiting import eventually


@pytest.mark.parametrize(
    ("written", "code", "words"),
    [
        ("up\nThe port is taken.\n", 1, "The port is taken."),
        ("", 1, None),
        ("an answer of an hour ago\n", -signal.SIGKILL, None),
        ("stopped\n", 0, None),
    ],
)
def test_a_node_is_quoted_only_when_it_failed_by_itself(
    tmp_path: Path, written: str, code: int, words: str | None
) -> None:
    file = tmp_path / "node.log"
    file.write_text(written)
    assert last_words(file, code) == words


def test_nothing_is_quoted_of_a_log_that_has_gone(tmp_path: Path) -> None:
    assert last_words(tmp_path / "node.log", 1) is None


@pytest.mark.may_block("a token goes into an empty pipe")
async def test_a_node_that_cannot_be_started_yet_is_started_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its log has no folder, as after somebody has removed the data folder of a running Main."""
    monkeypatch.setattr(local_node, "FIRST_DELAY_S", 0.01)
    program, folder = tmp_path / "node.py", tmp_path / "removed"
    program.write_text("print('up', flush=True)\nimport time\ntime.sleep(60)\n")
    store = await open_store(tmp_path / "main.db")
    tries: list[str] = []

    def make_token() -> str:
        tries.append("token")
        return "token"

    node = LocalNode(
        store.settings,
        program=program,
        url="http://127.0.0.1:1",
        environment={"PATH": os.defpath},
        log_file=folder / "node.log",
        make_token=make_token,
    )
    node.start()
    try:
        await eventually(lambda: len(tries) > 1, what="a second attempt")
        await asyncio.to_thread(folder.mkdir)
        await eventually(
            lambda: (folder / "node.log").exists() and "up" in (folder / "node.log").read_text(), what="it"
        )

        async def is_recorded() -> bool:
            return await store.settings.get(RECORD) is not None

        await eventually(is_recorded, what="its record")
    finally:
        await node.stop(signal.SIGTERM)
        await store.close()
