"""Run something under an account that may do little: CI is root, whom no permission stops."""

import os
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

NOBODY = 65534
Result = TypeVar("Result")


def as_nobody(work: Callable[[], Result]) -> Result:
    """What `work` returns, or the exception it raises, in a forked child under uid 65534 when we are root."""
    if os.geteuid() != 0:
        return work()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            answer: tuple[bool, object] = (True, work())
        except Exception as error:  # noqa: BLE001  handed to the parent, whatever it is
            answer = (False, error)
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(answer, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        raw = pipe.read()
    os.waitpid(child, 0)
    is_done, result = pickle.loads(raw)
    if not is_done:
        raise result
    return result  # type: ignore[no-any-return]


@contextmanager
def folder_for_nobody() -> Iterator[Path]:
    """A new folder that the other account owns; pytest's own temporary folders are closed to it."""
    folder = Path(tempfile.mkdtemp(prefix="switchyard-nobody-"))
    try:
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        yield folder
    finally:
        shutil.rmtree(folder)
