"""Bounds of one JSON-RPC connection, each beside its reason."""

from dataclasses import dataclass, replace

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """The defaults are those of a browser's socket; a link takes :data:`LINK_LIMITS`."""

    max_frame_bytes: int = MIB
    """Longest frame read; a longer one closes the connection with 1009. A prompt with images is sent in this size."""

    max_sent_bytes: int = 8 * MIB
    """Longest frame written; a longer answer becomes `too_large`. A page of events ends at 4 MiB, so it always fits,
    and no peer reads less than this from us: an answer must never close the connection that all others share."""

    outbox_bytes: int = 4 * MIB
    """Frames waiting for the peer to read. About 2 s of a 16 Mbit/s line: who is further behind is better served by
    asking again from its cursor."""

    replay_bytes: int = MIB
    """What replays may occupy of the outbox. The rest is kept for live events, which do not wait but lag."""

    max_running_calls: int = 64
    """Calls of the peer handled at once; more are refused with `rate_limited`, a longer batch as a whole. A page has
    about ten under way; each may hold one answer of `max_sent_bytes` while it waits for room."""

    max_pending_calls: int = 64
    """Our own calls that the peer has not answered."""

    max_subscriptions: int = 256
    """Live subscriptions of the peer, and ours at the peer. A page with every panel open has about twenty."""

    subscription_bytes: int = 4 * MIB
    """Events received for one of our subscriptions and not yet taken by its reader; then the reader lags."""

    stall_s: float = 30.0
    """A peer that takes not one byte of what is written to it for this long is gone."""

    max_depth: int = 64
    """Nesting of a call's JSON. The deepest params of the table have six levels; tool input of agents is deeper, but
    travels in answers and events, which are ours."""

    takes_batches: bool = False
    """The peer has asked for events that come together in one message: a JSON-RPC batch of them."""

    max_id_chars: int = 128
    """Length of a string id. It is repeated in every event of a subscription."""


BROWSER_LIMITS = Limits()

LINK_LIMITS = replace(
    BROWSER_LIMITS,
    max_frame_bytes=8 * MIB,
    max_running_calls=1024,  # the calls of all browsers that look at this node
    max_pending_calls=1024,
    max_subscriptions=4096,
)
"""Both ends of a link. Reads what :attr:`Limits.max_sent_bytes` lets the other end write."""
