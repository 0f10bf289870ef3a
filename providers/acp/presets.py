"""Agents known by name: what starts them, how they are installed, and how one signs in to them."""

from collections.abc import Mapping
from dataclasses import dataclass

RESERVED = frozenset({"claude", "codex", "scripted"})
"""Ids of other providers: an agent of this name gets the prefix `acp-`."""


@dataclass(frozen=True)
class Preset:
    """`install` and `sign_in` complete a sentence: "install it (…)", "sign in: …"."""

    name: str
    tag: str
    command: tuple[str, ...]
    install: str
    sign_in: str


PRESETS: Mapping[str, Preset] = {
    "copilot": Preset(
        "GitHub Copilot", "GH", ("copilot", "--acp"), "npm install -g @github/copilot", "run `copilot` and enter /login"
    ),
    "gemini": Preset(
        "Gemini",
        "GE",
        ("gemini", "--experimental-acp"),
        "npm install -g @google/gemini-cli",
        "run `gemini` once and choose how to sign in, or set GEMINI_API_KEY in its env",
    ),
    "goose": Preset(
        "goose", "GO", ("goose", "acp"), "see the releases of github.com/block/goose", "run `goose configure`"
    ),
    "opencode": Preset(
        "OpenCode", "OC", ("opencode", "acp"), "npm install -g opencode-ai", "run `opencode auth login`"
    ),
    "qwen": Preset(
        "Qwen Code",
        "QW",
        ("qwen", "--acp"),
        "npm install -g @qwen-code/qwen-code",
        "run `qwen` and enter /auth, or set OPENAI_API_KEY in its env",
    ),
}
"""By the NAME of `[providers.acp.NAME]`."""


def id_of(name: str) -> str:
    """The provider's id for an agent that is configured under `name`."""
    return f"acp-{name}" if name in RESERVED else name


def preset_of(name: str) -> Preset:
    """The preset, or one made of the name alone for an agent that is configured by its command."""
    known = PRESETS.get(name)
    if known is not None:
        return known
    letters = "".join(letter for letter in name if letter.isalpha()).upper() or "AG"
    title = name.replace("-", " ").capitalize()
    return Preset(title, (letters * 2)[:2], (), f"check providers.acp.{name}.command", "run it by hand and sign in")
