"""``python -m tests.support.fickle_holder ADDRESS LOG``: the real holder, which lets go of its node when told so.

A terminal's new name tells it: `let go` does it once, `let go always` from then on after each handing over, as when an
answer cannot be sent; `garbage` sends the node a packet that says nothing.
"""

import socket
import sys
from pathlib import Path

import msgspec

from node.terminal.holder import __main__ as program
from node.terminal.holder.messages import Describe, FromNode, Hello, Message
from node.terminal.holder.server import HolderServer


class FickleHolder(HolderServer):
    _is_failing = False
    _fails_always = False

    def _serve(self, message: FromNode) -> None:
        super()._serve(message)
        if not isinstance(message, Describe):
            return
        wish = msgspec.json.decode(message.about)["name"]
        if wish == "garbage" and self._node is not None:
            self._node.send(b'{"type":')
        elif wish.startswith("let go"):
            self._fails_always |= wish == "let go always"
            self._fail()

    def _attach(self, connection: socket.socket, hello: Hello, version: int) -> None:
        super()._attach(connection, hello, version)
        if self._fails_always:
            self._fail()

    def _fail(self) -> None:
        FickleHolder._is_failing = True
        self._reply(Message())
        FickleHolder._is_failing = False

    @staticmethod
    def _send(connection: socket.socket, message: Message, descriptors: list[int] | None = None) -> bool:
        return not FickleHolder._is_failing and HolderServer._send(connection, message, descriptors)


if __name__ == "__main__":
    setattr(program, "HolderServer", FickleHolder)  # noqa: B010 - the module knows one type
    sys.exit(program.main(Path(sys.argv[1]), Path(sys.argv[2])))
