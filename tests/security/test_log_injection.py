"""What others say may stand in a log line: it stays in that line, and a terminal that shows it obeys nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

SAYING = r"""
import logging, sys
from pathlib import Path
import structlog
from ws.logs import set_up_logs

set_up_logs(level="info", form=sys.argv[1], file=Path(sys.argv[2]))
EVIL = "\x1b]0;owned\x07\n2026-01-01T00:00:00Z [info     ] forged\r\x9b2J\x7f\x08"
log = structlog.get_logger("x")
log.info("event", reason=EVIL, name="\x1b[31mred")
log.info(EVIL)
logging.getLogger("library").warning("%s", EVIL)
try:
    raise ValueError(EVIL)
except ValueError:
    log.exception("failed")
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_escape_sequence_and_no_forged_line(tmp_path: Path, form: str) -> None:
    file = tmp_path / "log"
    subprocess.run([sys.executable, "-c", SAYING, form, str(file)], check=True, timeout=30)
    written = file.read_bytes().decode()
    assert not [each for each in written if (each < " " and each not in "\n\t") or "\x7f" <= each <= "\x9f"]
    lines = written.splitlines()
    assert len([line for line in lines if "owned" in line]) >= 4, "they are told, not dropped"
    traceback = next(number for number, line in enumerate(lines) if "failed" in line)
    assert not [line for line in lines[:traceback] if line.startswith("2026-01-01")]
    if form == "text":
        assert len(lines[:traceback]) == 3
