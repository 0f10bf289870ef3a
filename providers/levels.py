"""How freely an agent acts in a mode, on one scale for all agents: what `policy.max_mode` compares."""

from enum import IntEnum

from ws.protocol.providers import Mode


class Level(IntEnum):
    """From careful to permissive; the names are the words that `policy.max_mode` takes."""

    PLAN = 0
    """Reads and plans."""
    ASK = 1
    """Asks before it changes anything."""
    EDIT = 2
    """Edits files without asking, and asks before it runs commands."""
    AUTO = 3
    """Decides by itself what needs no asking."""
    EVERYTHING = 4
    """Does everything without asking."""


_WORDS = {
    Level.PLAN: ("plan", "read-only", "readonly", "architect", "chat", "ask-only"),
    Level.EDIT: ("edit", "accept", "workspace-write", "write"),
    Level.AUTO: ("auto", "smart", "build"),
    Level.EVERYTHING: (
        "everything", "yolo", "bypass", "full", "danger", "dontask", "never", "allow-all", "unrestricted",
        "always-a", "autonom", "autopilot", "skip",
    ),
}  # fmt: skip
"""Words in the ids of modes; a mode without any asks. OpenCode's `build` asks only what its own configuration says."""

_CAREFUL = "dontAsk"
"""Claude's own mode of this name refuses what no rule allows."""


def level_of_name(mode: str) -> Level:
    """Of several words the most permissive counts: `auto-edit` edits, `agent-full-access` is full."""
    if mode == _CAREFUL:
        return Level.ASK
    flat = mode.lower().rpartition("#")[2].replace("_", "-")  # Copilot's ids are addresses with the name at the end
    found = {level for level, words in _WORDS.items() if any(word in flat for word in words)}
    if found == {Level.EDIT, Level.AUTO}:
        return Level.EDIT
    return max(found, default=Level.ASK)


def level_of(mode: Mode) -> Level:
    """By its name, and at least AUTO when the provider says that it acts without asking."""
    level = level_of_name(mode.id)
    return max(level, Level.AUTO) if mode.risk else level
