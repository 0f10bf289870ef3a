"""Terminal streams: the node dials back to Main and is then the WebSocket that the page talks to."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import msgspec
import structlog

from node.terminal.reader import Reader
from node.terminal.service import TerminalService
from node.terminal.terminal import Terminal
from ws.dial import DialError
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.link import StreamParams, StreamResult, StreamRevokeParams
from ws.protocol.nodes import Empty
from ws.protocol.terminals import MAX_INPUT_FRAME_BYTES, Ack, ReaderFrame, Resize, StreamFault
from ws.streams import Budget, ProbeFailedError, RawSocket, ServerFrames, StreamClosedError, carried_at_node
from ws.streams.frames import MAX_QUEUED_BYTES, TRY_AGAIN_LATER
from ws.tasks import TaskOwner

log = structlog.get_logger(__name__)

Dial = Callable[[str], Awaitable[RawSocket]]
"""Completes the handshake of `/ws/stream` on Main with a one-time key. Raises DialError."""

MAX_STREAMS = 512
"""Streams of one node. Each may have a credit window of output under way."""
VIEWER_MESSAGE_BYTES = 64 * 1024
"""Longest message of a reader that may not type, which sends acknowledgements only."""
QUEUED_BYTES = 4 * 1024 * 1024
"""Of one that types, beyond what its terminal holds: so large a paste may stand in front of a Ctrl-C that is seen."""
UNREAD_BYTES = 64 * 1024 * 1024
"""Begun or whole messages of all streams that no terminal has taken yet, beyond the first 64 KiB of each. Whoever has
held more than those for longest is closed with 1013: 512 begun pastes would be half a gigabyte."""
FAREWELL_S = 1.0
"""At shutdown, for the close frames to leave."""
CLOSE_CODES: dict[ErrorCode, int] = {
    ErrorCode.INVALID: 4400,
    ErrorCode.CONFLICT: 4400,
    ErrorCode.UNAUTHORIZED: 4401,
    ErrorCode.FORBIDDEN: 4403,
    ErrorCode.NOT_FOUND: 4404,
    ErrorCode.NODE_OFFLINE: 4503,
    ErrorCode.TOO_LARGE: 1009,
    ErrorCode.RATE_LIMITED: TRY_AGAIN_LATER,
}
_INTERNAL_ERROR = 1011  # RFC 6455, section 7.4.1

_UNREAD = WireError(
    ErrorCode.RATE_LIMITED, "More was typed or pasted on this machine than its programs read; try again in a moment."
)
_encode = msgspec.json.Encoder().encode
_decode: Callable[[str], ReaderFrame] = msgspec.json.Decoder(ReaderFrame).decode


class StreamServer:
    """Serves `link.stream`. `dial` is how this node reaches Main's `/ws/stream`."""

    def __init__(self, terminals: TerminalService, dial: Dial) -> None:
        self._terminals = terminals
        self._dial = dial
        self._tasks = TaskOwner("terminal-streams")
        self._streams: dict[str, _Stream] = {}
        self._budget = Budget(UNREAD_BYTES)
        terminals.on_restart = self._follow

    async def open(self, params: StreamParams) -> StreamResult:
        """Accept a stream and dial back for it. Raises WireError when it cannot be served."""
        if len(self._streams) >= MAX_STREAMS or params.stream in self._streams:
            raise WireError(ErrorCode.CONFLICT, "This machine serves too many terminal pages; close some of them.")
        self._terminals.find(params.terminal).check_offset(params.after)
        stream = _Stream(params, self._terminals, self._tasks)
        self._streams[params.stream] = stream
        stream.task = self._tasks.start(self._serve(stream), name=params.stream)
        # The dictionary is cleared by the task's end, not by its code: a task may be cancelled before it began.
        stream.task.add_done_callback(lambda _: self._streams.pop(params.stream, None))
        return StreamResult()

    async def revoke(self, params: StreamRevokeParams) -> Empty:
        """Close a stream with 4401; nothing that it typed and that still waits is written any more."""
        if stream := self._streams.get(params.stream):
            stream.end(WireError(ErrorCode.UNAUTHORIZED, "Your access to this terminal has ended; sign in again."))
        return Empty()

    async def close(self) -> None:
        """End all streams with 4503 and wait a moment for the pages to hear it."""
        streams = list(self._streams.values())
        for stream in streams:
            stream.end(WireError(ErrorCode.NODE_OFFLINE, "The node of this machine is stopping."))
        if closing := [stream.closing for stream in streams if stream.closing is not None]:
            await asyncio.wait(closing, timeout=FAREWELL_S)
        await self._tasks.close()

    def _follow(self, terminal: Terminal) -> None:
        for stream in list(self._streams.values()):
            if stream.params.terminal == terminal.id:
                stream.follow(terminal)

    async def _serve(self, stream: "_Stream") -> None:
        try:
            raw = await carried_at_node(await self._dial(stream.params.key), stream.params.carriage)
        except (DialError, ProbeFailedError) as error:
            log.warning("stream_not_dialled", stream=stream.params.stream, reason=str(error))
            return
        longest, queued = (
            (MAX_INPUT_FRAME_BYTES, QUEUED_BYTES)
            if stream.params.may_type
            else (VIEWER_MESSAGE_BYTES, MAX_QUEUED_BYTES)
        )
        frames = ServerFrames(raw, max_message_bytes=longest, max_queued_bytes=queued, budget=self._budget)
        await stream.serve(frames)


class _Stream:
    """One page's socket, and the sink of its reader."""

    def __init__(self, params: StreamParams, terminals: TerminalService, tasks: TaskOwner) -> None:
        self.params = params
        self.task: asyncio.Task[None] | None = None
        self.closing: asyncio.Task[None] | None = None
        self._terminals = terminals
        self._tasks = tasks
        self._frames: ServerFrames | None = None
        self._attached: tuple[Terminal, Reader] | None = None

    async def serve(self, frames: ServerFrames) -> None:
        """Attach, and listen until one side ends it."""
        self._frames = frames
        frames.on_give_up = partial(self.end, _UNREAD)
        watching = self._tasks.start(self._watch(frames), name=f"{self.params.stream}/watch")
        try:
            self._attach(frames, self._terminals.find(self.params.terminal), self.params.after)
            try:
                await self._listen(frames)
            finally:
                self._detach(frames)
        except WireError as error:
            self._farewell(error)
        except StreamClosedError:
            await frames.close()
        finally:
            watching.cancel()
            if self.closing is None:
                frames.abort()

    def follow(self, terminal: Terminal) -> None:
        """Go on with the terminal that took the place of the one that is attached, at the byte that comes next."""
        if self._attached is None:
            return  # it will find the new one
        _, reader = self._attached
        self._detach(self._open_frames)
        try:
            self._attach(self._open_frames, terminal, reader.sent)
        except WireError as error:
            self.end(error)

    def end(self, why: WireError) -> None:
        """Serve no more, whatever the stream is waiting for; the page hears why."""
        if self.task is not None:
            self.task.cancel()
        self._farewell(why)

    def send_bytes(self, data: bytes) -> None:
        """For the reader. A page that has gone is noticed where it is listened to."""
        with suppress(StreamClosedError):
            self._open_frames.send_bytes(data)

    def send_text(self, text: str) -> None:
        """As `send_bytes`."""
        with suppress(StreamClosedError):
            self._open_frames.send_text(text)

    @property
    def _open_frames(self) -> ServerFrames:
        assert self._frames is not None, "only a stream that is served has a reader"
        return self._frames

    def _attach(self, frames: ServerFrames, terminal: Terminal, after: int | None) -> None:
        reader = terminal.attach(self, after, may_type=self.params.may_type)
        self._attached = (terminal, reader)
        frames.take_at_once = partial(terminal.type_at_once, reader)
        frames.take_urgent = partial(terminal.interrupt, reader)

    def _detach(self, frames: ServerFrames) -> None:
        frames.take_at_once = frames.take_urgent = None
        if self._attached is not None:
            terminal, reader = self._attached
            self._attached = None
            terminal.detach(reader)

    async def _listen(self, frames: ServerFrames) -> None:
        while True:
            message = await frames.recv()
            assert self._attached is not None, "only a stream that is attached listens"
            terminal, reader = self._attached
            if isinstance(message, bytes):
                if not terminal.type_at_once(reader, message) and not frames.look_for_urgent():
                    await terminal.type(reader, message)
                continue
            try:
                frame = _decode(message)
            except (msgspec.MsgspecError, RecursionError) as error:
                raise WireError(ErrorCode.INVALID, f"A text frame is an ack or a resize: {error}.") from error
            match frame:
                case Ack():
                    terminal.acknowledge(reader, frame.offset)
                case Resize():
                    terminal.resize(reader, frame)

    async def _watch(self, frames: ServerFrames) -> None:
        """A page whose own input is held back is not listened to, so its end would not be heard."""
        await frames.raw.wait_ended()
        if self.task is not None:
            self.task.cancel()

    def _farewell(self, why: WireError) -> None:
        if self._frames is None or self.closing is not None:
            return
        self.send_text(_encode(StreamFault(code=why.code, detail=why.detail)).decode())
        self.closing = self._tasks.start(self._close(self._frames, why), name=f"{self.params.stream}/close")

    @staticmethod
    async def _close(frames: ServerFrames, why: WireError) -> None:
        try:
            await frames.close(CLOSE_CODES.get(why.code, _INTERNAL_ERROR))
        finally:
            frames.abort()
