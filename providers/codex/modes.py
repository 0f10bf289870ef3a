"""Permission modes, from careful to permissive, and what each means to Codex."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ws.protocol.providers import Mode

PLAN, READ_ONLY, ASK, AUTO, FULL = "plan", "read-only", "ask", "auto", "full-access"


@dataclass(frozen=True)
class Rules:
    """`approval` and `sandbox` are Codex's own words; `is_planning` is its collaboration mode "plan"."""

    approval: str
    sandbox: str
    is_planning: bool = False


RULES: Mapping[str, Rules] = {
    PLAN: Rules("on-request", "read-only", is_planning=True),
    READ_ONLY: Rules("on-request", "read-only"),
    ASK: Rules("untrusted", "workspace-write"),
    AUTO: Rules("on-request", "workspace-write"),
    FULL: Rules("never", "danger-full-access"),
}

DEFAULT = ASK
WITHOUT_ASKING = (READ_ONLY, AUTO, FULL)
"""Those that make sense where nothing can be asked."""

_TEXTS: Mapping[str, tuple[str, str]] = {
    PLAN: ("Plan", "Reads and plans, and changes nothing before you approve the plan."),
    READ_ONLY: ("Read only", "Reads; asks before it changes a file, writes anywhere or uses the network."),
    ASK: ("Ask", "Asks before it edits files or runs commands, which may write only in the folder."),
    AUTO: ("Auto", "Works in the folder by itself; asks before it leaves it or uses the network."),
    FULL: ("Full access", "Does everything without asking and without a sandbox. Only for a machine that may be lost."),
}

_POLICY_TYPES = {"read-only": "readOnly", "danger-full-access": "dangerFullAccess"}


def modes(*, asks: bool) -> list[Mode]:
    """`asks` is false for the way of use that cannot ask: then only what needs no answer is offered."""
    offered = [mode for mode in RULES if asks or mode in WITHOUT_ASKING]
    default = DEFAULT if asks else READ_ONLY
    return [
        Mode(
            id=mode,
            name=_TEXTS[mode][0],
            description=_TEXTS[mode][1] if asks else _UNASKED[mode],
            risk=mode == FULL,
            is_default=mode == default,
        )
        for mode in offered
    ]


_UNASKED: Mapping[str, str] = {
    READ_ONLY: "Reads; whatever would change something is refused.",
    AUTO: "Works in the folder by itself; what leaves it or uses the network is refused.",
    FULL: _TEXTS[FULL][1],
}


def sandbox_policy(sandbox: str, workspace: Mapping[str, Any] | None) -> dict[str, Any]:
    """For a turn. `workspace` is the user's own `sandbox_workspace_write`, as `config/read` gives it."""
    if sandbox in _POLICY_TYPES:
        return {"type": _POLICY_TYPES[sandbox]}
    given = workspace or {}
    return {
        "type": "workspaceWrite",
        "writableRoots": list(given.get("writable_roots") or ()),
        "networkAccess": bool(given.get("network_access")),
        "excludeTmpdirEnvVar": bool(given.get("exclude_tmpdir_env_var")),
        "excludeSlashTmp": bool(given.get("exclude_slash_tmp")),
    }
