"""The terminal of Jupyter, one hop in Python: ``python -m tests.bench.terminal.jupyter PORT`` serves terminado.

A connection to ``/terminal/SCRIPT`` (hexadecimal) has a terminal of its own that runs the script in sh.
"""

import asyncio
import sys
from typing import Any

from terminado.management import PtyWithClients, UniqueTermManager
from terminado.websocket import TermSocket
from tornado.web import Application


class Scripts(UniqueTermManager):
    """Runs what the address says in place of one shell for all."""

    def get_terminal(self, url_component: Any = None) -> PtyWithClients:
        terminal = self.new_terminal(shell_command=["sh", "-c", bytes.fromhex(url_component).decode()])
        self.start_reading(terminal)
        return terminal


async def serve(port: int) -> None:
    """Until it is killed."""
    manager = Scripts(shell_command=["sh"])
    application = Application([(r"/terminal/(\w+)", TermSocket, {"term_manager": manager})])
    _ = application.listen(port, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
