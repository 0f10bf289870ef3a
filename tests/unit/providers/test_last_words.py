"""What a process printed last."""

import asyncio

from providers.pipes import LastWords


async def test_they_are_told_without_their_colours() -> None:
    stderr = asyncio.StreamReader()
    stderr.feed_data(b"\x1b[2m2026-01-01\x1b[0m \x1b[31mERROR\x1b[0m cannot [start]\n\x1b[1;38;5;9mthe end\n")
    stderr.feed_eof()
    words = LastWords()
    await words.read(stderr)
    assert words.lines == ["2026-01-01 ERROR cannot [start]", "the end"]
