"""What Main makes of the answers to its probes of a link."""

import itertools
from typing import cast

import msgspec
import pytest

from main.registry.link import NodeLink
from ws.protocol.base import now
from ws.protocol.link import HelloParams, ProbeResult
from ws.protocol.nodes import Capabilities
from ws.rpc import Peer


class _Answering:
    """A peer that answers every probe."""

    async def call(self, method: str, params: bytes, *, deadline_s: float, caller: object = None) -> bytes:
        assert (method, params, caller) == ("link.probe", b"{}", None)
        return msgspec.json.encode(ProbeResult(time=now()))


@pytest.mark.parametrize(
    ("took_ms", "shown_ms"),
    [([3], [3]), ([3, 400, 3, 4], [3, 3, 3, 4]), ([3, 400, 410, 420], [3, 3, 400, 410]), ([50, 2, 2], [50, 2, 2])],
)
async def test_one_long_round_trip_is_no_news_and_two_are(
    took_ms: list[int], shown_ms: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = itertools.chain.from_iterable((0.0, ms / 1000) for ms in took_ms)
    monkeypatch.setattr("main.registry.link.time.perf_counter", lambda: next(moments))
    hello = HelloParams(
        protocol=3,
        min_protocol=3,
        version="1",
        id="laptop",
        name="laptop",
        platform="linux",
        labels={},
        capabilities=Capabilities(providers=[], features=[], terminal=True),
        time=now(),
    )
    link = NodeLink(cast("Peer", _Answering()), hello, protocol=3)
    assert [(await link.probe(1.0)).rtt_ms for _ in took_ms] == shown_ms
