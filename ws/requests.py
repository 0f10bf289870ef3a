"""One id for everything that one request or call does: every log line has it as `request`, and so has the defect that
somebody is shown. Main hands it to the node with the call.
"""

import re
import secrets

from structlog.contextvars import bind_contextvars, get_contextvars

_SHAPE = re.compile(r"[0-9a-f]{8}\Z")


def begin_request(given: str | None = None) -> None:
    """Give the running task an id: `given` by Main, or a fresh one (8 hex digits)."""
    is_fine = given is not None and _SHAPE.match(given)
    bind_contextvars(request=given if is_fine else secrets.token_hex(4))


def current_request() -> str | None:
    """The id of what the running task does, None outside of requests and calls."""
    found = get_contextvars().get("request")
    return found if isinstance(found, str) else None
