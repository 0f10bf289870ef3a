"""`app.py` had something else been chosen: ``otherwise.py CHOICE``. For `choices` alone."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import app
from node.terminal import audience, output, pace, reader, stream, terminal
from tests.bench.stock_frames import AiohttpFrames, WebsocketsFrames
from ws.streams import RawSocket, ServerFrames, frames

COLLECTED_S = 0.002


class _TrustingFrames(ServerFrames):
    """`on_writable` is called when the connection takes bytes again."""

    def __init__(self, raw: RawSocket, **given: Any) -> None:
        self.is_writable = True
        self.on_writable: Callable[[], None] = lambda: None
        super().__init__(raw, **given)

    def paused(self, is_paused: bool) -> None:
        super().paused(is_paused)
        self.is_writable = not is_paused
        if self.is_writable:
            self.on_writable()


class _TrustingStream(stream._Stream):
    """What the connection has taken counts as consumed: the program waits for TCP alone."""

    async def serve(self, frames: ServerFrames) -> None:
        assert isinstance(frames, _TrustingFrames)
        frames.on_writable = self._acknowledge
        await super().serve(frames)

    def send_bytes(self, data: bytes) -> None:
        super().send_bytes(data)
        asyncio.get_running_loop().call_soon(self._acknowledge)

    def _acknowledge(self) -> None:
        if self._attached is not None and isinstance(self._frames, _TrustingFrames) and self._frames.is_writable:
            served, listener = self._attached
            served.acknowledge(listener, listener.sent)


class _CollectingPump(output.OutputPump):
    """Readers are sent nothing before output has been collected for 2 ms."""

    def __init__(self, *given: Any, on_output: Callable[[], None], **more: Any) -> None:
        super().__init__(*given, on_output=self._collect, **more)
        self._tell = on_output
        self._timer: asyncio.TimerHandle | None = None

    def _collect(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(COLLECTED_S, self._collected)

    def _collected(self) -> None:
        self._timer = None
        self._tell()


def _window(size_bytes: int) -> None:
    for module in (reader, audience):
        vars(module)["CREDIT_WINDOW_BYTES"] = size_bytes
    vars(frames)["MAX_UNSENT_BYTES"] = 2 * size_bytes + frames.MAX_UNSENT_BYTES


def _no_window() -> None:
    vars(stream).update(ServerFrames=_TrustingFrames, _Stream=_TrustingStream)
    vars(audience)["STALLED_AFTER_S"] = 1e6  # nobody acknowledges, so nobody is set aside


def _node_frames_by(library: type) -> None:
    vars(stream)["ServerFrames"] = library


def _collecting() -> None:
    vars(terminal)[output.OutputPump.__name__] = _CollectingPump


def _never_resting() -> None:
    vars(pace)["TYPING_LASTS_S"] = 0.0


CHOICES: Mapping[str, Callable[[], None]] = {
    "window-64-kib": partial(_window, 64 * 1024),
    "window-1-mib": partial(_window, 1024 * 1024),
    "no-window": _no_window,
    "aiohttp": partial(_node_frames_by, AiohttpFrames),
    "websockets": partial(_node_frames_by, WebsocketsFrames),
    "collecting": _collecting,
    "never-resting": _never_resting,
}

if __name__ == "__main__":
    CHOICES[sys.argv.pop()]()
    sys.exit(app.main())
