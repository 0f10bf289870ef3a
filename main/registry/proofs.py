"""Whether the machine that Main dialled is the node that it says it is."""

from collections.abc import Iterable

from ws.proof import is_any, proof_of_node
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.link import HelloParams


def check_proof(hello: HelloParams, nonce: str, keys: Iterable[bytes], shown: str) -> None:
    """Raise WireError `forbidden` unless link.hello answers `nonce` with one of `keys`. `shown` is the address."""
    if hello.proof is None or not is_any(hello.proof, (proof_of_node(key, nonce) for key in keys)):
        raise WireError(
            ErrorCode.FORBIDDEN,
            f"The machine at {shown} says that it is {hello.id} and cannot prove it: check the address, and that"
            " node.register_token there is one of this Main's.",
        )
