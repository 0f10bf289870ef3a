"""Every measurement comes to its end, in small: a renamed field may not be found out on the day it is needed."""

import asyncio
import sys

import pytest

from tests.bench.small import ELSEWHERE, LONG, SMALL, names
from tests.support.processes import ROOT

DEADLINE_S = 50


def test_none_is_forgotten() -> None:
    assert names() == SMALL.keys() | LONG | ELSEWHERE


@pytest.mark.parametrize("name", sorted(SMALL.keys() | LONG))
async def test_it_ends(name: str) -> None:
    arguments = [sys.executable, "-m", "tests.bench.small", name]
    program = await asyncio.create_subprocess_exec(
        *arguments, cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=-1, stderr=-1
    )
    try:
        said, complained = await asyncio.wait_for(program.communicate(), DEADLINE_S)
    finally:
        if program.returncode is None:  # what it has started ends with it
            program.kill()
            await program.wait()
    assert program.returncode == 0, complained.decode()
    has_figures = any(character.isdigit() for character in said.decode())
    assert has_figures == (name not in LONG), said.decode()
