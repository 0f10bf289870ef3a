"""What the node presents: its own secret, or at first contact a register token; and whom it lets in that dials it."""

import hashlib
from dataclasses import dataclass

from node.store.identity import IdentityStore, new_secret
from ws.dial import DialError
from ws.proof import is_any, is_nonce, proof_of_main, proof_of_node

UNAUTHORIZED = 401


@dataclass(frozen=True)
class Credential:
    """`bearer` opens the link; `new_secret` is what a first contact offers as the node's own from then on."""

    bearer: str
    new_secret: str | None = None

    def answer(self, nonce: str | None) -> str | None:
        """The proof for a Main that dials with that nonce; None where it sent none that may be answered."""
        if nonce is None or not is_nonce(nonce):
            return None
        own = self.bearer.encode()
        return proof_of_node(own if self.new_secret is not None else hashlib.sha256(own).digest(), nonce)


class Credentials:
    """The node's secret comes first. A refused one is given up for a token only where somebody meant it so: the Main
    that started this node gave the token with the start, or the node was started again after the refusal.
    """

    def __init__(self, store: IdentityStore, *, register_token: str | None, is_local: bool) -> None:
        self._store = store
        self._token = register_token
        self._is_local = is_local
        self._may_rejoin = is_local
        self._is_refused = False
        self._is_first_look = True

    async def for_main(self, secret: str) -> Credential | None:
        """For a Main that dials with `secret`; None when it is not the secret of this node's Main."""
        identity = await self._store.load()
        if identity is None or identity.is_revoked or not identity.accepts(secret):
            return None
        return Credential(identity.node_secret)

    async def may_be_first(self) -> bool:
        """Whether a Main that dials may make first contact: there is a token, and this node has no Main, was removed
        before this start, or has been given another token since.
        """
        identity = await self._store.load()
        if self._is_first_look:
            self._is_first_look = False
            self._may_rejoin = self._may_rejoin or (identity is not None and identity.is_revoked)
        if self._token is None:
            return False
        if identity is None or not identity.came_by(self._token):
            return True
        return identity.is_revoked and self._may_rejoin

    async def has_main(self) -> bool:
        """Whether this node belongs to a Main."""
        identity = await self._store.load()
        return identity is not None and not identity.is_revoked

    async def is_revoked(self) -> bool:
        """Whether its Main has removed this node."""
        identity = await self._store.load()
        return identity is not None and identity.is_revoked

    async def for_proofs(self, proofs: list[str], nonce: str) -> Credential | None:
        """For a Main at first contact that answers `nonce`; None when it does not know this node's token."""
        if self._token is None or not await self.may_be_first():
            return None
        expected = proof_of_main(self._token, nonce)
        return Credential(self._token, new_secret()) if any(is_any(each, [expected]) for each in proofs) else None

    async def choose(self) -> Credential:
        """For the next attempt. Raises a final DialError when there is nothing to present."""
        identity = await self._store.load()
        if self._is_first_look and identity is not None and identity.is_revoked:
            self._may_rejoin = True
        self._is_first_look = False
        if identity is not None and not (self._is_refused and self._may_rejoin and self._token):
            return Credential(identity.node_secret)
        if self._token is None:
            raise DialError(
                "This node has never been linked with Main and has no register token: set node.register_token to the"
                " one that Main shows under Machines.",
                is_final=True,
            )
        return Credential(self._token, new_secret())

    async def refused(self, credential: Credential, error: DialError) -> DialError:
        """Take note of a refusal; returns the error to go on with, which is not final when there is another way."""
        is_mains = error.is_final and error.status == UNAUTHORIZED  # a proxy on the way may say 401 too
        if not is_mains or credential.new_secret is not None:
            return error
        await self._store.revoke()
        self._is_refused = True
        if self._may_rejoin and self._token is not None:
            return DialError(error.detail, status=error.status)
        remedy = "To join again, start this node anew with the register token that Main shows under Machines."
        return DialError(f"{error.detail} {remedy}", is_final=True, status=error.status)

    async def removed(self) -> None:
        """Main has removed this node."""
        await self._store.revoke()

    async def accepted(self, credential: Credential, *, main_secret: str | None, main_id: str) -> None:
        """The handshake is done: keep what it brought."""
        if credential.new_secret is not None and main_secret is not None:
            await self._store.save(
                node_secret=credential.new_secret,
                main_secret=main_secret,
                main_id=main_id,
                register_token=credential.bearer,
            )
            self._may_rejoin = self._is_local
        elif (identity := await self._store.load()) is not None and identity.is_revoked:
            await self._store.reinstate()
        self._is_refused = False
