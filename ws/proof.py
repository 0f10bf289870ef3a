"""Proofs of a shared secret that do not show it, for links that Main dials.

Main's answer to a node's nonce is HMAC-SHA256(register token, nonce). The node's answer to Main's nonce is keyed with
the register token at first contact and with the SHA-256 of its own secret afterwards, which Main keeps. A nonce has no
colon, so neither answer can be had by asking for the other.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable

_NONCE = re.compile(r"^[A-Za-z0-9_-]{43,64}\Z")


def new_nonce() -> str:
    """32 random bytes, URL-safe base64 (43 characters)."""
    return secrets.token_urlsafe(32)


def is_nonce(text: str) -> bool:
    """Whether `text` may be answered: nothing but what `new_nonce` makes, and a little longer."""
    return _NONCE.match(text) is not None


def proof_of_main(key: str, nonce: str) -> str:
    """What a dialling Main shows, in hex."""
    return hmac.new(key.encode(), nonce.encode(), hashlib.sha256).hexdigest()


def proof_of_node(key: bytes, nonce: str) -> str:
    """What a node that was dialled shows, in hex."""
    return hmac.new(key, b"node:" + nonce.encode(), hashlib.sha256).hexdigest()


def is_any(proof: str, expected: Iterable[str]) -> bool:
    """Whether `proof`, or any secret, is one of them, in a time that does not tell which."""
    matches = [hmac.compare_digest(proof.encode("utf-8", "surrogateescape"), each.encode()) for each in expected]
    return any(matches)
