"""Where ACP agents keep their sessions: for those whose files are known, read from there without starting the agent.

The protocol's `session/list` and `session/load` serve the others, see :mod:`providers.acp.listed`.
"""

from collections.abc import Callable, Mapping

from providers.acp.qwen_history import QwenHistory
from providers.history import IndexedHistory

KEPT: Mapping[str, Callable[[Mapping[str, str], Callable[[str], bool]], IndexedHistory]] = {"qwen": QwenHistory}
"""By the NAME of `[providers.acp.NAME]`; made from the environment of the agent, and whether agents of this node have
opened a session.
"""
