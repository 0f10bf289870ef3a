"""Starting a terminal's program: what its output says of that, and what a page is told when it cannot be."""

from collections.abc import Iterator
from contextlib import contextmanager

from node.terminal.adopter import ProgramNotStarted
from node.terminal.holder_process import HolderUnavailable
from ws.protocol.errors import ErrorCode, WireError, invalid

RESTARTED = (
    # The normal screen as it was left, whichever is shown: entering the other one keeps the cursor for the way back.
    "\x1b[?1049h\x1b[?1049l"
    # What the last program may have left behind: soft reset, keypad, mouse, focus, paste.
    "\x1b[!p\x1b>\x1b[?9;1000;1002;1003;1004;1005;1006;1015;2004l"
    "\r\n\x1b[2m\u2014 restarted \u2014\x1b[0m\r\n"
)
"""Between the output of one program and that of the next in the same terminal."""


@contextmanager
def refusals(field: str) -> Iterator[None]:
    """The holder's refusals as WireError; `field` is the parameter that names the program."""
    try:
        yield
    except ProgramNotStarted as error:
        raise invalid(field, str(error)) from error
    except HolderUnavailable as error:
        raise WireError(ErrorCode.CONFLICT, str(error)) from error
