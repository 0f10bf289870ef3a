"""What the node says of its machine."""

import os
import socket
from pathlib import Path

from node.system.service import capabilities, read_facts
from ws.protocol import __version__


def test_facts_are_those_of_this_machine() -> None:
    facts = read_facts()
    assert facts.hostname == socket.gethostname()
    assert facts.home == os.path.realpath(Path.home())
    assert facts.version == __version__
    assert os.uname().machine in facts.platform
    assert "\n" not in facts.platform


def test_git_is_offered_where_it_is(tmp_path: Path) -> None:
    assert read_facts(str(tmp_path)).has_git is False
    assert read_facts().has_git is True
    assert "git" in capabilities(read_facts(), has_terminal=True, providers=[]).features
    without = capabilities(read_facts(str(tmp_path)), has_terminal=False, providers=["scripted", "claude"])
    assert (without.terminal, without.providers) == (False, ["claude", "scripted"])
    assert "git" not in without.features
    assert "files" in without.features
