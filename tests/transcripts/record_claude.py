"""Record what Claude Code says for a few prompts: `python -m tests.transcripts.record_claude`.

Run it when the CLI gets a new version, and read the difference: it is what the adapter has to understand. Beside each
recording stands what the adapter makes of it.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from providers.claude.locate import find_command
from tests.contract.driver import ended
from tests.contract.harness import ClaudeHarness
from tests.support.model_server import ModelServer
from tests.transcripts.replay import FOLDER, HERE, VERSION, events_of, shown
from ws.tasks import TaskOwner

TEE = """
import subprocess, sys
child = subprocess.Popen(sys.argv[2:], stdin=sys.stdin, stdout=subprocess.PIPE)
with open(sys.argv[1], "ab") as log:
    for line in child.stdout:
        log.write(line)
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
sys.exit(child.wait())
"""

SCRIPTS = {
    "text": "think A heron stands still\nchunks 3",
    "edit": f"write {FOLDER}/note.txt one two\nedit {FOLDER}/note.txt two three\nsay done",
    "shell": "run echo heron\nrun cat /nonexistent\nsay done",
    "question": "ask Which bird? Heron|Stork\nsay thanks",
    "tasks": 'par 2\ntodo look|wait\ntool TaskUpdate {"taskId":"1","status":"completed"}\nsay noted',
    "retry": "error 529 1\nsay after all",
    "refused": "error 403",
}

_LEFT_OUT = frozenset({"tools", "slash_commands", "agents", "skills", "plugins", "capabilities", "memory_paths"})


def _cleaned(line: bytes) -> dict[str, Any] | None:
    """The message without what differs by machine and is not read."""
    message: dict[str, Any] = msgspec.json.decode(line)
    if str(message.get("type", "")).startswith("control_"):
        return None
    return {name: value for name, value in message.items() if name not in _LEFT_OUT}


async def _record(name: str, script: str) -> None:
    owner = TaskOwner("record")
    with tempfile.TemporaryDirectory() as scratch:
        log, tee = Path(scratch) / "log", Path(scratch) / "tee.py"
        tee.write_text(TEE)
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / "note.txt").unlink(missing_ok=True)
        async with ModelServer() as server:
            harness = ClaudeHarness(FOLDER, Path(scratch), server, owner.start)
            harness.command = (sys.executable, str(tee), str(log), *(find_command((), {}) or ()))
            driver = await harness.open()
            ended(await driver.turn(script))
            await driver.agent.close()
        await owner.close()
        messages = [message for line in log.read_bytes().splitlines() if (message := _cleaned(line)) is not None]
    (HERE / f"claude-{VERSION}-{name}.jsonl").write_bytes(b"".join(msgspec.json.encode(m) + b"\n" for m in messages))
    (HERE / f"claude-{VERSION}-{name}.events.json").write_bytes(shown(events_of(messages)))


async def main() -> None:
    for name, script in SCRIPTS.items():
        await _record(name, script)
        sys.stdout.write(f"recorded {name}\n")


if __name__ == "__main__":
    asyncio.run(main())
