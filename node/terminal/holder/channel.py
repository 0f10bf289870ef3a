"""Sequenced packets with descriptors over a Unix socket, between two processes of one user."""

import array
import errno
import os
import socket
import struct
from collections.abc import Sequence

import msgspec

from node.terminal.holder.messages import MAX_PACKET_BYTES, Message

_MAX_DESCRIPTORS = 4
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid
_encoder = msgspec.json.Encoder()


def new_socket() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)


def is_own(connection: socket.socket) -> bool:
    """Whether the process at the other end is this user's."""
    return _peer(connection)[1] == os.geteuid()


def peer_pid(connection: socket.socket) -> int:
    """The process that connected; 0 when it cannot be seen from here (pid_namespaces(7))."""
    return _peer(connection)[0]


def send(connection: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Send one packet whole. Raises OSError: EMSGSIZE when it is too long, EPIPE when nobody is there."""
    packet = _encoder.encode(message)
    if len(packet) > MAX_PACKET_BYTES:  # the send buffer may take more than the other end reads
        raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    connection.sendmsg([packet], ancillary, socket.MSG_NOSIGNAL)


def receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """One packet and the descriptors that came with it, which belong to the caller; ``b""`` when the peer is gone.

    Raises BlockingIOError when nothing waits on a non-blocking socket, OSError when the peer was reset.
    """
    space = socket.CMSG_LEN(_MAX_DESCRIPTORS * array.array("i").itemsize)
    packet, ancillary, flags, _ = connection.recvmsg(MAX_PACKET_BYTES, space, socket.MSG_CMSG_CLOEXEC)
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
    if flags & socket.MSG_TRUNC:
        for descriptor in descriptors:
            os.close(descriptor)
        return b"{}", []  # as undecodable as the cut packet would be
    return packet, list(descriptors)


def _peer(connection: socket.socket) -> tuple[int, int]:
    """Process and user at the other end, as the kernel knows them (SO_PEERCRED)."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(raw)
    return int(pid), int(uid)
