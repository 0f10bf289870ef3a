"""The WebSocket opening handshake (RFC 6455, section 4) as text: both sides, no I/O."""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY_BYTES = 16
_END = b"\r\n\r\n"

MAX_HEAD_BYTES = 16 * 1024
"""Of an answer to a handshake; ours has 200 bytes, proxies add some."""


def new_key() -> str:
    """A `Sec-WebSocket-Key`."""
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def is_key(key: str) -> bool:
    """Whether `key` is 16 bytes in base64."""
    try:
        return len(base64.b64decode(key, validate=True)) == _KEY_BYTES
    except (binascii.Error, ValueError):
        return False


def accept_key(key: str) -> str:
    """The `Sec-WebSocket-Accept` that answers `key`."""
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def write_answer(key: str, protocol: str | None) -> bytes:
    """The 101 of the side that was dialled. It names no extension, so none is used."""
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    lines.append(f"Sec-WebSocket-Accept: {accept_key(key)}")
    if protocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {protocol}")
    return _head(lines)


def write_request(host: str, target: str, key: str, headers: Mapping[str, str]) -> bytes:
    """The request of the side that dials. `headers` are the caller's own; they may hold no line break."""
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if any("\r" in line or "\n" in line or "\0" in line for line in lines):
        raise ValueError("A header holds a line break.")
    return _head(lines)


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an HTTP answer; header names are lower case, the last of a repeated one counts."""

    status: int
    reason: str
    headers: Mapping[str, str]


def split_head(received: bytes) -> tuple[bytes, bytes] | None:
    """The head and what follows it; None while it is not complete. Raises ValueError when it is too long."""
    head, end, rest = received.partition(_END)
    if len(head) > MAX_HEAD_BYTES:
        raise ValueError("the head of the answer is too long")
    return (head, rest) if end else None


def read_head(head: bytes) -> Head:
    """Parse an answer's head. Raises ValueError when it is not HTTP/1.1."""
    status_line, *lines = head.decode("latin-1").split("\r\n")
    version, _, status = status_line.partition(" ")
    code, _, reason = status.partition(" ")
    if version != "HTTP/1.1" or not (code.isascii() and code.isdigit() and len(code) == 3):
        raise ValueError("the answer is not HTTP/1.1")
    fields = (line.partition(":") for line in lines)
    return Head(int(code), reason, {name.strip().lower(): value.strip() for name, _, value in fields})


def objection(head: Head, key: str) -> str:
    """Why `head` does not complete the handshake begun with `key`; empty when it does."""
    upgrade = head.headers.get("upgrade", "").lower()
    connection = {token.strip() for token in head.headers.get("connection", "").lower().split(",")}
    if head.status != HTTPStatus.SWITCHING_PROTOCOLS:
        return f"{head.status} {head.reason}".rstrip()
    if upgrade != "websocket" or "upgrade" not in connection:
        return "it switched to another protocol"
    if not secrets.compare_digest(head.headers.get("sec-websocket-accept", "").encode(), accept_key(key).encode()):
        return "it answered another handshake; check any proxy in between"
    if "sec-websocket-extensions" in head.headers:
        return "it uses an extension that was not offered"
    return ""


def _head(lines: list[str]) -> bytes:
    return "\r\n".join(lines).encode("latin-1") + _END
