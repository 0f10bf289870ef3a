"""Where log lines of a program go: event names with fields, the libraries' own lines in the same shape."""

import logging
import os
import re
import sys
from collections.abc import MutableMapping
from io import TextIOWrapper
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

import structlog

PRIVATE_FILE = 0o600

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""C0 and C1 without tab and line feed, DEL: in a terminal that shows the log they would be obeyed."""


class LogFileError(Exception):
    """The log file cannot be opened; one sentence for who starts the program."""


class _PrivateFile(WatchedFileHandler):
    """Readable for its owner alone; opened again when another file, or none, stands under its name."""

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self.baseFilename, flags, PRIVATE_FILE)
        return os.fdopen(descriptor, "a", encoding=self.encoding, errors=self.errors, buffering=1)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:  # its folder has gone: a program goes on without its log
            self.handleError(record)


def _opened(file: Path) -> logging.Handler:
    try:
        file.expanduser().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _PrivateFile(file.expanduser(), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise LogFileError(f"The log file {file} cannot be opened ({error.strerror}): set log.file anew.") from error


def set_up_logs(*, level: str, form: str, file: Path | None) -> None:
    """Once, at the start of a program. `form` is text or json; without `file` lines go to standard error.

    Raises LogFileError when the file cannot be opened. It is made with mode 0600, and begun anew when it was moved away
    or removed: whatever rotates logs needs no word to the program.
    """
    handler: logging.Handler = logging.StreamHandler(sys.stderr) if file is None else _opened(file)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_SHARED, processors=_render(form)))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # What a client did wrong is no warning of ours, and the requests are logged by our own access log.
    logging.getLogger("aiohttp").setLevel(logging.ERROR)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def set_level(level: str) -> None:
    """Write from this level on; a logger asks at every line."""
    logging.getLogger().setLevel(level.upper())


def _render(form: str) -> list[Any]:
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if form == "json":
        return [strip, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    # Plain tracebacks: richer ones print local variables, among them secrets and content.
    plain = structlog.dev.plain_traceback
    console = structlog.dev.ConsoleRenderer(colors=False, pad_event_to=24, exception_formatter=plain)
    return [strip, _on_one_line, console, _printable]


def _on_one_line(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Only a traceback has lines of its own: what others say in an event cannot look like the next one."""
    fields["event"] = str(fields["event"]).replace("\n", "\\n")
    return fields


def _printable(_logger: object, _method: str, line: str) -> str:
    return _CONTROLS.sub(lambda control: f"\\x{ord(control[0]):02x}", line)
