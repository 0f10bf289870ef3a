"""The events of a journal as the contract lists them, and what must hold of any journal."""

from typing import Any

HEADER = {"seq", "ts", "type", "turn"}

MEMBERS: dict[str, tuple[set[str], set[str]]] = {
    "session_started": ({"provider", "path", "model", "mode"}, {"native_id"}),
    "prompt_queued": ({"message_id", "text", "by"}, set()),
    "prompt_edited": ({"message_id", "text", "by"}, set()),
    "prompt_moved": ({"message_id", "by"}, {"before"}),
    "prompt_dropped": ({"message_id", "by"}, set()),
    "queue_held": ({"by"}, set()),
    "queue_released": ({"by"}, set()),
    "user_message": ({"message_id", "text", "attachments", "by"}, set()),
    "turn_started": (set(), set()),
    "agent_message": ({"message_id", "text"}, {"part"}),
    "agent_thought": ({"message_id", "text"}, {"part"}),
    "tool_call": ({"tool_call_id", "name", "kind", "title", "input"}, {"parent"}),
    "tool_call_update": ({"tool_call_id", "status", "content"}, set()),
    "plan": ({"entries"}, set()),
    "approval_requested": (
        {"approval", "kind", "title", "input", "options", "expires_at"},
        {"tool_call_id", "questions"},
    ),
    "approval_resolved": ({"approval", "outcome"}, {"option", "by"}),
    "mode_changed": (set(), set()),
    "model_changed": (set(), set()),
    "title_changed": (set(), set()),
    "usage": ({"input_tokens", "output_tokens"}, {"cost_usd", "context_used", "context_size"}),
    "turn_ended": ({"stop_reason"}, {"error"}),
    "notice": ({"level", "code", "text"}, set()),
}
"""By type: the members that an event must have, and those that it may have."""

VALUES: dict[tuple[str, str], set[str]] = {
    ("tool_call", "kind"): {"read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other"},
    ("tool_call_update", "status"): {"in_progress", "completed", "failed"},
    ("approval_requested", "kind"): {"tool", "question", "plan"},
    ("approval_resolved", "outcome"): {"selected", "expired", "withdrawn"},
    ("turn_ended", "stop_reason"): {"end_turn", "cancelled", "refusal", "max_tokens", "error", "node_restarted"},
}
CONTENT = {"text": {"text"}, "diff": {"path", "old_text", "new_text"}, "image": {"mime", "data_url"}}
OPTION_KINDS = {"allow_once", "allow_session", "allow_always", "reject_once", "reject_always"}
ACTS = {
    "prompt_queued", "prompt_edited", "prompt_moved", "prompt_dropped", "queue_held", "queue_released", "mode_changed",
    "model_changed", "title_changed", "archived", "session_started", "turn_started",
}  # fmt: skip
"""What may stand between two turns."""


def check_journal(events: list[dict[str, Any]]) -> None:
    """A whole journal: dense, every event as listed, every turn closed before the next, every call and approval too."""
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    turn: str | None = None
    for event in events:
        _check_event(event)
        if event["type"] == "turn_started":
            assert turn is None, event
            turn = event["turn"]
        elif turn is None:
            assert event["type"] in ACTS, f"between turns: {event}"
        elif event["type"] not in ACTS:
            assert event["turn"] == turn, event
        if event["type"] == "turn_ended":
            turn = None
    assert turn is None
    _check_pairs(events)


def _check_event(event: dict[str, Any]) -> None:
    kind = event["type"]
    assert event["ts"].endswith("Z")
    if kind in MEMBERS:
        must, may = MEMBERS[kind]
        assert must <= set(event), f"{must - set(event)} missing in {event}"
        assert all(event[name] is not None for name in may & set(event)), event
    for (type_, member), allowed in VALUES.items():
        if type_ == kind:
            assert event[member] in allowed, event
    if kind == "tool_call_update":
        for content in event["content"]:
            assert set(content) - {"type"} >= CONTENT[content["type"]], content
    if kind == "approval_requested":
        assert event["options"]
        for option in event["options"]:
            assert {"id", "name", "kind"} <= set(option) <= {"id", "name", "kind", "mode"}, option
            assert option["kind"] in OPTION_KINDS


def _check_pairs(events: list[dict[str, Any]]) -> None:
    asked = [event["approval"] for event in events if event["type"] == "approval_requested"]
    resolved = [event["approval"] for event in events if event["type"] == "approval_resolved"]
    assert sorted(asked) == sorted(resolved)
    calls = {event["tool_call_id"] for event in events if event["type"] == "tool_call"}
    closed = {
        event["tool_call_id"]
        for event in events
        if event["type"] == "tool_call_update" and event["status"] in {"completed", "failed"}
    }
    assert calls == closed
    started = [event["message_id"] for event in events if event["type"] == "user_message"]
    assert len(started) == len(set(started))
