"""What Claude's CLI tells of itself beside its turns, and what of a session it has kept."""

import json
from pathlib import Path
from typing import Any

import pytest

from providers.claude import kept
from providers.claude.plans import PlanKeeper
from providers.claude.state import MAX_SERVERS, MAX_TASKS, StateKeeper
from providers.claude.usage import added, missing
from ws.protocol.events import AgentState, BackgroundTask, Plan, PlanEntry, ToolServer, Usage

NOON = "2026-11-21T12:00:00.000Z"


def listed(*names: str, kind: str = "local_bash") -> dict[str, Any]:
    return {"tasks": [{"task_id": name, "task_type": kind, "description": f"the {name}"} for name in names]}


def tasks_of(state: AgentState | None) -> list[BackgroundTask]:
    assert state is not None
    return state.tasks


def test_a_task_keeps_its_start_and_its_call_while_others_come_and_go() -> None:
    times = iter((NOON, "later", "latest"))
    keeper = StateKeeper(lambda: next(times))
    keeper.told("background_tasks_changed", listed("heron"))
    state = keeper.told("task_started", {"task_id": "heron", "tool_use_id": "call"})
    expected = BackgroundTask(id="heron", kind="command", title="the heron", started=NOON, tool_call_id="call")
    assert tasks_of(state) == [expected]
    both = keeper.told("background_tasks_changed", listed("heron", "stork", kind="hologram"))
    assert tasks_of(both)[0] == expected
    assert tasks_of(both)[1].kind == "other"
    assert keeper.tasks == {"heron", "stork"}
    assert tasks_of(keeper.told("background_tasks_changed", listed("stork")))[0].id == "stork"


def test_what_changes_nothing_is_no_news() -> None:
    keeper = StateKeeper(lambda: NOON)
    assert keeper.told("init", {"mcp_servers": []}) is None
    assert keeper.told("task_started", {"task_id": "waited-for", "tool_use_id": "call"}) is None
    assert keeper.told("status", {"status": "requesting"}) is None
    assert keeper.told("background_tasks_changed", listed("heron")) is not None
    assert keeper.told("background_tasks_changed", listed("heron")) is None


def test_a_reason_is_kept_while_the_server_stays_as_it_is() -> None:
    keeper = StateKeeper(lambda: NOON)
    keeper.servers_are({"mcpServers": [{"name": "s", "status": "failed", "error": "ENOENT"}]})
    assert keeper.told("init", {"mcp_servers": [{"name": "s", "status": "failed"}]}) is None
    state = keeper.told("init", {"mcp_servers": [{"name": "s", "status": "connected"}]})
    assert state is not None
    assert state.servers == [ToolServer(name="s", status="connected")]


@pytest.mark.parametrize(
    ("told", "status"),
    [("pending", "starting"), ("needs-auth", "needs_sign_in"), ("disabled", "disabled"), ("hologram", "failed")],
)
def test_every_status_of_a_server_has_one_of_ours(told: str, status: str) -> None:
    keeper = StateKeeper(lambda: NOON)
    state = keeper.servers_are({"mcpServers": [{"name": "s", "status": told}]})
    assert state is not None
    assert state.servers[0].status == status
    assert keeper.has_starting_servers == (status == "starting")
    assert (state.servers[0].problem is not None) == (status == "needs_sign_in")


def test_the_state_is_bounded() -> None:
    keeper = StateKeeper(lambda: NOON)
    keeper.told("background_tasks_changed", listed(*(str(number) for number in range(MAX_TASKS + 1))))
    state = keeper.servers_are(
        {"mcpServers": [{"name": str(n), "status": "connected"} for n in range(MAX_SERVERS + 1)]}
    )
    assert state is not None
    assert (len(state.tasks), len(state.servers)) == (MAX_TASKS, MAX_SERVERS)


def test_only_whole_lines_of_a_transcript_count(tmp_path: Path) -> None:
    folder = tmp_path / "projects" / "-tmp-project"
    folder.mkdir(parents=True)
    (folder / "session.jsonl").write_text('{"uuid":"a"}\n{"uuid":"b"}\n{"uuid":"c","cut')
    environment = {"CLAUDE_CONFIG_DIR": str(tmp_path)}
    assert kept.kept(environment, "session", ["a", "b", "c", "d"]) == {"a", "b"}
    assert kept.kept(environment, "another", ["a"]) == frozenset()
    assert kept.kept({"HOME": str(tmp_path)}, "session", ["a"]) == frozenset()


def test_only_the_end_of_a_long_transcript_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / ".claude" / "projects" / "p"
    folder.mkdir(parents=True)
    (folder / "session.jsonl").write_text('{"uuid":"old"}\n' + "x" * 100 + '\n{"uuid":"new"}\n')
    monkeypatch.setattr("providers.claude.kept.MAX_TAIL_BYTES", 50)
    assert kept.kept({"HOME": str(tmp_path)}, "session", ["old", "new"]) == {"new"}


def test_the_list_of_tasks_is_read_in_order_and_what_is_none_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "tasks" / "session"
    folder.mkdir(parents=True)
    for number in (10, 2):
        (folder / f"{number}.json").write_text(
            json.dumps({"id": str(number), "subject": f"s{number}", "status": "pending"})
        )
    (folder / "3.json").write_text("{")
    (folder / "4.json").write_text('{"id": "x"}')
    assert [task["id"] for task in kept.tasks({"CLAUDE_CONFIG_DIR": str(tmp_path)}, "session")] == ["2", "10"]


def test_a_listed_plan_is_told_only_when_it_differs() -> None:
    keeper = PlanKeeper()
    tasks = [{"id": "1", "subject": "look", "status": "pending"}]
    entries = [PlanEntry(content="look", status="pending")]
    assert keeper.changed_by("TaskList", {}, {"tasks": tasks}) == Plan(entries=entries)
    assert keeper.changed_by("TaskList", {}, {"tasks": tasks}) is None


def test_what_a_killed_process_had_counted_is_added_once() -> None:
    told = Usage(input_tokens=500, output_tokens=50, cost_usd=0.5)
    models = {"m": {"inputTokens": 200, "outputTokens": 20, "cacheReadInputTokens": 0, "cacheCreationInputTokens": 0}}
    lost = missing(told, {"session": {"total_cost_usd": 0.25, "model_usage": models}})
    assert (lost.input_tokens, lost.output_tokens, lost.cost_usd) == (300, 30, 0.25)
    counted = Usage(input_tokens=300, output_tokens=30, cost_usd=0.5, context_used=7)
    assert added(counted, lost) == Usage(input_tokens=600, output_tokens=60, cost_usd=0.75, context_used=7)
    assert missing(told, {"session": {"total_cost_usd": 9, "model_usage": {}}}).cost_usd == 0
