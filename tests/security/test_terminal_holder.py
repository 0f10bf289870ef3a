"""The holder's socket opens for nobody but the user whose terminals it holds."""

import asyncio
import contextlib
import os
import resource
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from config import Terminal as TerminalConfig
from node.terminal.holder import channel, place
from node.terminal.holder.messages import Hello
from node.terminal.service import TerminalService
from tests.support.terminal_holder import end_holder
from tests.support.unprivileged import NOBODY, as_nobody
from tests.support.waiting import eventually
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.terminals import TerminalListParams, TerminalOpenParams

WANTED = TerminalOpenParams(node="n", path="/", cols=80, rows=24, command=["sleep", "60"])


def environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"]}  # noqa: TID251 - for the children


async def holder_address(folder: Path, runtime: str | None = None) -> Path:
    candidates = await asyncio.to_thread(place.addresses, folder / "node.db", runtime)
    return next(path for path in candidates if path.exists())


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[TerminalService]:
    """A node's terminals; they and their holder end with it, however it goes."""
    service = TerminalService(TerminalConfig(), folder / "node.db", environment())
    try:
        yield service
    finally:
        await service.close(end_terminals=True)
        await asyncio.to_thread(end_holder, folder / "node.db")


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[Path]:
    """The socket of a holder that holds a terminal, in a folder of its own that others may enter."""
    with tempfile.TemporaryDirectory(dir="/tmp") as runtime:
        Path(runtime).chmod(0o755)
        own = {**environment(), "XDG_RUNTIME_DIR": runtime}
        service = TerminalService(TerminalConfig(), tmp_path / "node.db", own)
        try:
            await service.open(WANTED)
            yield await holder_address(tmp_path, runtime)
        finally:
            await service.close(end_terminals=True)


async def test_socket_and_folder_are_the_users_alone(address: Path) -> None:
    assert address.stat().st_mode & 0o777 == 0o600
    assert address.parent.stat().st_mode & 0o777 == 0o700


async def test_another_user_cannot_reach_the_socket(address: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user; run the tests as root or in a container")

    def attempt() -> bool:
        with channel.new_socket() as connection:
            return connection.connect_ex(str(address)) != 0

    assert as_nobody(attempt)


async def test_another_user_is_not_served_even_when_the_files_let_it_in(address: Path) -> None:
    """SO_PEERCRED, not the permissions alone."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user; run the tests as root or in a container")

    def attempt() -> bytes:
        with channel.new_socket() as connection:
            connection.settimeout(5)
            connection.connect(str(address))
            try:
                channel.send(connection, Hello(versions=[1], keep="process"))
                return channel.receive(connection)[0]
            except (BrokenPipeError, ConnectionResetError):
                return b""

    address.parent.chmod(0o711)
    address.chmod(0o666)
    try:
        assert as_nobody(attempt) == b""
    finally:
        address.chmod(0o600)
        address.parent.chmod(0o700)


@pytest.mark.parametrize("trap", ["open", "link", "foreign", "file"])
async def test_a_folder_that_others_control_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    """Somebody prepared the folder in /tmp: a squatter must get neither the socket nor the node's trust."""
    folder = tmp_path / "r"  # a socket's address holds 107 bytes
    monkeypatch.setattr(place, "_folders", lambda runtime: iter([folder]))
    if trap == "open":
        folder.mkdir()
        folder.chmod(0o777)
    elif trap == "link":
        (tmp_path / "real").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "real")
    elif trap == "file":
        folder.touch()
    else:
        if os.geteuid() != 0:
            pytest.skip("needs root to make a foreign folder; run the tests as root or in a container")
        folder.mkdir(mode=0o700)
        os.chown(folder, NOBODY, NOBODY)
    async with serving(tmp_path) as service:
        with pytest.raises(WireError, match=r"is not a folder of this user alone|cannot be made") as caught:
            await service.open(WANTED)
        assert caught.value.code is ErrorCode.CONFLICT


async def test_garbage_on_the_socket_ends_that_connection_only(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        await service.open(WANTED)
        await service.close(end_terminals=False)
        address = await holder_address(tmp_path)
        for packet in (
            b"{",
            b"[]",
            b'{"type":"open"}',
            b'{"type":"end_all"}',
            b"\0" * 1000,
            b'{"type":"hello","versions":"x"}',
        ):
            with channel.new_socket() as connection:
                connection.settimeout(5)
                connection.connect(str(address))
                connection.send(packet)
                assert connection.recv(1000) == b""
        async with serving(tmp_path) as again:
            await again.adopt()
            assert again.holder_pid is not None


async def test_garbage_of_the_node_itself_is_refused_and_it_stays(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        opened = await service.open(WANTED)
        await service.close(end_terminals=False)
        address = await holder_address(tmp_path)

        def ask() -> list[bytes]:
            with channel.new_socket() as connection:
                connection.settimeout(5)
                connection.connect(str(address))
                channel.send(connection, Hello(versions=[1, 2], keep="process"))
                for packet in (b"{", b"\xff" * 300, b"[]", b'{"type":"open","request":7}', b" " * 200_000):
                    connection.send(packet)
                twice = {"request": 8, "terminal": opened.terminal, "argv": ["/bin/true"], "folder": "/"}
                more = {"environment": {}, "cols": 80, "rows": 24, "kept_bytes": 4096, "about": ""}
                connection.send(msgspec.json.encode({"type": "open", **twice, **more}))
                return [connection.recv(1000) for _ in range(4)]

        welcome, held, unread, twice = await asyncio.to_thread(ask)
        assert (b'"welcome"' in welcome, b'"held"' in held) == (True, True)
        assert (b'"failed","request":7' in unread, b'"failed","request":8' in twice) == (True, True)
        async with serving(tmp_path) as again:
            await again.adopt()
            assert again.find(opened.terminal).exit is None


async def test_what_is_longer_than_a_packet_is_refused_before_it_is_sent(
    tmp_path: Path,
) -> None:
    """Between what the other end reads and what the socket takes: nothing may be cut on the way."""
    long = {**environment(), **{f"LONG{number}": "x" * 100_000 for number in range(2)}}
    service = TerminalService(TerminalConfig(), tmp_path / "node.db", long)
    try:
        with pytest.raises(WireError, match="too long for a terminal") as caught:
            await service.open(WANTED)
        assert caught.value.code is ErrorCode.INVALID
    finally:
        await service.close(end_terminals=True)


async def test_a_node_of_another_version_is_refused_with_a_sentence(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        await service.open(WANTED)
        await service.close(end_terminals=False)
        address = await holder_address(tmp_path)
        with channel.new_socket() as connection:
            connection.settimeout(5)
            connection.connect(str(address))
            channel.send(connection, Hello(versions=[99], keep="process"))
            packet = connection.recv(1000)
            assert b'"refused"' in packet
            assert b"held by another version" in packet
        async with serving(tmp_path) as again:
            await again.adopt()
            assert again.holder_pid is not None


async def test_who_connects_and_says_nothing_keeps_no_node_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the first to come nor one of many; and a holder with nothing left waits for none of them."""
    async with serving(tmp_path) as service:
        await service.open(WANTED)
        pid = service.holder_pid
        await service.close(end_terminals=False)
        address = await holder_address(tmp_path)
        with contextlib.ExitStack() as silent:
            for _ in range(3):
                silent.enter_context(channel.new_socket()).connect(str(address))
            async with serving(tmp_path) as again:
                await again.adopt()
                assert again.holder_pid == pid
                assert len((await again.list(TerminalListParams(node="n"))).terminals) == 1
            await eventually(lambda: not address.exists(), what="the holder to end")


async def test_connections_that_say_nothing_do_not_take_the_holder_s_descriptors(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        opened = await service.open(WANTED)
        holder = service.holder_pid
        assert holder is not None
        resource.prlimit(holder, resource.RLIMIT_NOFILE, (64, 64))
        address = await holder_address(tmp_path)

        def crowd() -> None:
            with contextlib.ExitStack() as crowd:
                for _ in range(100):
                    silent = crowd.enter_context(channel.new_socket())
                    silent.connect(str(address))  # waits in the queue of the listener
                late = crowd.enter_context(channel.new_socket())
                late.connect(str(address))
                late.settimeout(5)
                channel.send(late, Hello(versions=[1], keep="process"))
                assert b'"refused"' in late.recv(1000)

        await asyncio.to_thread(crowd)
        await service.open(WANTED)
        assert service.holder_pid == holder
        assert service.find(opened.terminal).exit is None
