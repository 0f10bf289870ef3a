"""A certificate that is not believed is named with its remedy."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.certificates import DAY, Issued, issue
from ws.dial import DialError, dial_socket
from ws.listening import serving_context
from ws.tls import calling_context


@contextlib.asynccontextmanager
async def serving(issued: Issued) -> AsyncIterator[str]:
    """The address of a TLS server that answers 404."""
    runner = web.AppRunner(web.Application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=serving_context(issued.certificate, issued.key))
    await site.start()
    try:
        yield f"wss://127.0.0.1:{runner.addresses[0][1]}/ws/node"
    finally:
        await runner.cleanup()


async def said(url: str, ca: ssl.SSLContext | None) -> str:
    with pytest.raises(DialError) as refused:
        await dial_socket(url, headers={}, ssl=ca)
    assert not refused.value.is_final
    return refused.value.detail


@pytest.mark.may_block("the contexts of the test read files")
async def test_each_kind_of_distrust_has_its_sentence(tmp_path: Path) -> None:
    authority = issue(tmp_path, "ca", is_authority=True)
    trusting = calling_context(authority.certificate)
    async with serving(issue(tmp_path, by=authority)) as url:
        assert "answers 404" in await said(url, trusting), "believed"
        sentence = await said(url, None)
        assert "nobody whom this machine trusts" in sentence
        assert "tls_ca" in sentence
    async with serving(issue(tmp_path, by=authority, end=-DAY)) as url:
        assert "has expired: renew it there" in await said(url, trusting)
    async with serving(issue(tmp_path, by=authority, names=["main.example", "10.0.0.5"])) as url:
        sentence = await said(url, trusting)
        assert "made for other names" in sentence
        assert "tls init --host 127.0.0.1)" in sentence
    async with serving(issue(tmp_path)) as url:
        assert "nobody whom this machine trusts" in await said(url, trusting)
