"""What a newer Codex may send in another shape: told as a notice, and neither the turn nor other sessions end."""

import asyncio
import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.contract.codex_harness import NEWEST, CodexHarness
from tests.contract.driver import ended, of, said
from ws.protocol.events import ApprovalRequested, Notice

pytestmark = pytest.mark.cli

WRAPPER = """#!{python} -S
import json, subprocess, sys
odd = json.load(open({odd!r}))
codex = subprocess.Popen([{codex!r}, *sys.argv[1:]], stdout=subprocess.PIPE)
for line in codex.stdout:
    sys.stdout.buffer.write(line)
    if b'"turn/started"' in line:
        thread = json.loads(line)["params"]["threadId"]
        for message in odd:
            text = message if isinstance(message, str) else json.dumps(message).replace("THREAD", thread)
            sys.stdout.buffer.write(text.encode() + b"\\n")
    sys.stdout.buffer.flush()
sys.exit(codex.wait())
"""


def note(method: str, **params: Any) -> dict[str, Any]:
    return {"method": method, "params": {"threadId": "THREAD", **params}}


ODD = [
    "no JSON",
    "[" * 5000 + "]" * 5000,
    {"id": [], "result": 1},
    {"id": {}, "error": 5},
    {"id": "x", "result": 1},
    note("item/started", item=5),
    note("item/started", item={"type": "fileChange", "id": "f1", "changes": 7}),
    note("item/completed", item={"type": "agentMessage", "id": [], "text": {}}),
    note("error", error=5, willRetry=True),
    note("turn/plan/updated", plan=5),
    {"id": 70001, **note("item/tool/requestUserInput", questions=5)},
    {"id": 70002, **note("item/tool/requestUserInput", questions=[{"options": [1]}])},
    {
        "id": 70003,
        **note("mcpServer/elicitation/request", mode="form", requestedSchema={"properties": {"b": {"enum": 5}}}),
    },
]


def injecting(codex: CodexHarness, folder: Path) -> None:
    """From now on Codex says all that at the beginning of each turn."""
    wrapper, odd = folder / "newer_codex.py", folder / "odd.json"
    odd.write_text(json.dumps(ODD))
    wrapper.write_text(WRAPPER.format(python=sys.executable, odd=str(odd), codex=NEWEST[0]))
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    codex.command = (str(wrapper),)


async def test_known_messages_in_another_shape_are_told_and_survived(codex: CodexHarness, tmp_path: Path) -> None:
    await asyncio.to_thread(injecting, codex, tmp_path)
    first, second = await codex.open(), await codex.open()
    turn = await first.turn("say hello")
    told = [notice.text for notice in of(Notice, turn) if notice.code == "unknown_event"]
    assert "Codex sent something new: another shape of item/started." in told
    assert len(told) == len(set(told)), "each kind is told once"
    assert (said(turn)[-5:], ended(turn).stop_reason) == ("hello", "end_turn")
    assert not of(ApprovalRequested, turn), "what cannot be shown is refused"
    assert said(await second.turn("say the other"))[-9:] == "the other"
    assert said(await first.turn("say again"))[-5:] == "again"
    assert len(codex.started) == 1
    await first.agent.close()
    await second.agent.close()
