"""From a producing thread to a reading task: in order, within bounds, and neither waits for ever."""

import asyncio

import pytest

from node.files.pipe import MAX_PIECES, PIECE_BYTES, ThreadPipe


async def _all(pipe: ThreadPipe) -> bytes:
    found = bytearray()
    async with asyncio.timeout(10):
        while (piece := await pipe.take()) is not None:
            found += piece
    return bytes(found)


async def test_what_is_written_comes_in_order_and_ends() -> None:
    pipe, content = ThreadPipe(10), bytes(range(256)) * (PIECE_BYTES // 64)

    def produce() -> None:
        for start in range(0, len(content), 100_000):
            _ = pipe.write(content[start : start + 100_000])
        pipe.close()

    producing = asyncio.get_running_loop().run_in_executor(None, produce)
    assert await _all(pipe) == content
    await producing


async def test_a_producer_whom_nobody_reads_is_held_back_and_then_told() -> None:
    pipe, written = ThreadPipe(0.1), list[int]()

    def produce() -> None:
        while True:
            written.append(pipe.write(bytes(PIECE_BYTES)))

    with pytest.raises(BrokenPipeError):
        await asyncio.to_thread(produce)
    assert len(written) == MAX_PIECES
    assert pipe.is_wanted


async def test_a_producer_hears_that_it_was_given_up_and_the_reader_of_its_end() -> None:
    pipe = ThreadPipe(10)
    producing = asyncio.get_running_loop().run_in_executor(
        None, lambda: [pipe.write(bytes(PIECE_BYTES)) for _ in range(MAX_PIECES + 1)]
    )
    _ = await pipe.take()
    pipe.give_up()
    assert not pipe.is_wanted
    async with asyncio.timeout(5):
        while True:
            try:
                _ = await producing
                _ = await asyncio.to_thread(pipe.write, bytes(PIECE_BYTES))
            except BrokenPipeError:
                break
    await asyncio.to_thread(pipe.close)
    _ = await _all(pipe)
