"""What went wrong with an agent, as one sentence with its remedy."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from providers.acp.connection import AUTH_REQUIRED, AgentRefused
from providers.acp.fields import table, tables, text
from providers.acp.presets import Preset
from providers.base import ProviderFailed

RESUMES = "the next prompt starts it again and resumes the session"
BEGINS_ANEW = "the next prompt starts it again, without memory of this session, since this agent cannot resume one"

_LOGIN_MARKS = ("401", "unauthorized", "api key", "not logged in", "log in", "sign in", "authenticat")


class NotSignedIn(ProviderFailed):
    """The agent wants its user to sign in first."""


def not_installed(preset: Preset, command: Sequence[str], setting: str) -> str:
    program = command[0] if command else preset.name
    remedy = f"install it ({preset.install}) or name its program in {setting}"
    return f"{preset.name} is not on this machine (no program {program}): {remedy}."


def refused(
    what: str, refusal: AgentRefused, preset: Preset, methods: Sequence[Mapping[str, Any]], program: str
) -> ProviderFailed:
    """Why the agent did not do `what`."""
    if refusal.code == AUTH_REQUIRED:
        known = tables(refusal.data, "authMethods") if isinstance(refusal.data, dict) else []
        return NotSignedIn(f"{preset.name} is not signed in: {sign_in(preset, known or methods, program)}.")
    return ProviderFailed(f"{preset.name} would not {what}: {_sentence(str(refusal))}.")


def turn_failed(refusal: AgentRefused, preset: Preset, methods: Sequence[Mapping[str, Any]], program: str) -> str:
    """Why a turn ended in an error."""
    said = _sentence(str(refusal))
    if refusal.code == AUTH_REQUIRED or any(mark in said.lower() for mark in _LOGIN_MARKS):
        return f"{preset.name} refused the login ({said}): {sign_in(preset, methods, program)}."
    return f"{preset.name} could not go on ({said}): send the prompt again, or choose another model."


def sign_in(preset: Preset, methods: Sequence[Mapping[str, Any]], program: str) -> str:
    """How to sign in: the preset's words, else what the agent's `authMethods` say."""
    if preset.command:
        return f"{preset.sign_in}, on this machine as the node's user"
    for method in methods:
        meta = table(method, "_meta")
        if "terminal" in {text(method, "type"), text(meta, "type")}:
            told = method.get("args") or meta.get("args") or []
            by_hand = shlex.join([program, *(each for each in told if isinstance(each, str))])
            return f"run `{by_hand}` on this machine as the node's user"
        if text(method, "type") == "env_var":
            names = " and ".join(text(variable, "name") for variable in tables(method, "vars"))
            return f"set {names} in its env"
    names = ", ".join(text(method, "name") for method in methods if text(method, "name"))
    return f"run `{program}` on this machine as the node's user and sign in" + (f" ({names})" if names else "")


def _sentence(said: str) -> str:
    return said.rstrip(" .")
