"""policy.max_mode: the node has the last word on how freely an agent acts."""

from collections.abc import Sequence

import pytest

from node.sessions.modes import ModePolicy
from providers.acp.settings import Settings
from providers.claude import catalog as claude_catalog
from providers.codex import modes as codex_modes
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.providers import Mode


def _mode(mode: str, *, risk: bool = False, is_default: bool = False) -> Mode:
    return Mode(id=mode, name=mode, description="", risk=risk, is_default=is_default)


MODES = [_mode("plan"), _mode("ask", is_default=True), _mode("edit"), _mode("free", risk=True)]


@pytest.mark.parametrize(
    ("max_mode", "allowed", "first"),
    [
        (None, ["plan", "ask", "edit", "free"], "ask"),
        ("free", ["plan", "ask", "edit", "free"], "ask"),
        ("edit", ["plan", "ask", "edit"], "ask"),
        ("plan", ["plan"], "plan"),
        ("bypassPermissions", ["plan", "ask", "edit", "free"], "ask"),
        ("everything", ["plan", "ask", "edit", "free"], "ask"),
        ("auto", ["plan", "ask", "edit", "free"], "ask"),
        ("acceptEdits", ["plan", "ask", "edit"], "ask"),
        ("default", ["plan", "ask"], "ask"),
        ("read-only", ["plan"], "plan"),
        ("a word of nobody", ["plan", "ask"], "ask"),
    ],
)
def test_modes_up_to_the_cap_are_allowed(max_mode: str | None, allowed: list[str], first: str) -> None:
    policy = ModePolicy(max_mode)
    assert [mode.id for mode in MODES if policy.is_allowed(MODES, mode.id)] == allowed
    assert policy.first(MODES) == first


@pytest.mark.parametrize(
    ("modes", "first"),
    [(["plan", "default", "yolo"], "default"), (["plan", "build", "yolo"], "build"), (["chat"], "chat")],
)
def test_where_no_mode_is_the_default_nothing_free_is_chosen(modes: list[str], first: str) -> None:
    for max_mode in (None, "everything"):
        assert ModePolicy(max_mode).first([_mode(mode) for mode in modes]) == first


def test_a_mode_that_nobody_knows_is_allowed_only_without_a_cap() -> None:
    assert ModePolicy(None).is_allowed(MODES, "new")
    assert not ModePolicy("free").is_allowed(MODES, "new")


def _modes_of(provider: str) -> Sequence[Mode]:
    match provider:
        case "claude":
            return claude_catalog.describe({}, ("claude",), can_bypass=True).modes
        case "codex":
            return codex_modes.modes(asks=True)
        case "codex exec":
            return codex_modes.modes(asks=False)
        case _:
            settings = Settings(provider)
            offered = [{"id": mode, "name": mode} for mode in ACP_MODES[provider]]
            settings.learn({"modes": {"currentModeId": offered[0]["id"], "availableModes": offered}})
            return settings.modes()


ACP_MODES = {
    "qwen": ["plan", "default", "auto-edit", "yolo"],
    "gemini": ["default", "autoEdit", "yolo"],
    "opencode": ["build", "plan"],
    "codex-acp": ["read-only", "workspace-write", "agent", "agent-full-access"],
    "copilot": ["plan", "agent", "autopilot"],
    "another": ["ask", "skip-permissions", "always-allow"],
}
CAPS: dict[str, dict[str, list[str]]] = {
    "claude": {
        "plan": ["plan"],
        "ask": ["plan", "dontAsk", "default"],
        "edit": ["plan", "dontAsk", "default", "acceptEdits"],
        "auto": ["plan", "dontAsk", "default", "acceptEdits", "auto"],
    },
    "codex": {
        "plan": ["plan"],
        "ask": ["plan", "read-only", "ask"],
        "edit": ["plan", "read-only", "ask"],
        "auto": ["plan", "read-only", "ask", "auto"],
    },
    "codex exec": {
        "plan": ["read-only"],
        "ask": ["read-only"],
        "edit": ["read-only"],
        "auto": ["read-only", "auto"],
    },
    "qwen": {
        "plan": ["plan"],
        "ask": ["plan", "default"],
        "edit": ["plan", "default", "auto-edit"],
        "auto": ["plan", "default", "auto-edit"],
    },
    "gemini": {"plan": [], "ask": ["default"], "edit": ["default", "autoEdit"], "auto": ["default", "autoEdit"]},
    "opencode": {"plan": ["plan"], "ask": ["plan"], "edit": ["plan"], "auto": ["plan", "build"]},
    "codex-acp": {
        "plan": ["read-only"],
        "ask": ["read-only", "agent"],
        "edit": ["read-only", "agent", "workspace-write"],
        "auto": ["read-only", "agent", "workspace-write"],
    },
    "copilot": {"plan": ["plan"], "ask": ["plan", "agent"], "edit": ["plan", "agent"], "auto": ["plan", "agent"]},
    "another": {"plan": [], "ask": ["ask"], "edit": ["ask"], "auto": ["ask"]},
}


@pytest.mark.parametrize("provider", CAPS)
def test_one_word_caps_every_agent(provider: str) -> None:
    modes = _modes_of(provider)
    for cap, allowed in CAPS[provider].items():
        policy = ModePolicy(cap)
        assert [mode.id for mode in modes if policy.is_allowed(modes, mode.id)] == allowed, cap
        if allowed:
            assert policy.first(modes) in allowed
        else:
            with pytest.raises(WireError, match="has no mode that is allowed here: choose another agent"):
                policy.first(modes)
    free = ModePolicy("everything")
    assert all(free.is_allowed(modes, mode.id) for mode in modes)


def test_an_agent_without_modes_needs_everything() -> None:
    assert ModePolicy(None).first([]) is None
    assert ModePolicy("everything").first([]) is None
    with pytest.raises(
        WireError, match=r"has no modes, so nothing holds it to that: choose another agent\."
    ) as refused:
        ModePolicy("auto").first([])
    assert refused.value.code is ErrorCode.FORBIDDEN


def test_refusals_name_what_is_allowed() -> None:
    with pytest.raises(WireError, match=r"plan, ask, edit, free") as invalid:
        ModePolicy(None).check(MODES, "nonsense")
    assert invalid.value.code is ErrorCode.INVALID
    with pytest.raises(WireError, match=r"policy\.max_mode") as forbidden:
        ModePolicy("ask").check(MODES, "free")
    assert forbidden.value.code is ErrorCode.FORBIDDEN
