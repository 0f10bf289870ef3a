"""Notifications of Codex become events, whatever a newer CLI sends."""

from pathlib import Path
from typing import Any

from providers.base import AgentEvent
from providers.codex.normalize import Normalizer
from providers.codex.streaming import Blocks
from ws.protocol.events import (
    AgentMessage,
    AgentState,
    ImageContent,
    NativeIdKnown,
    Notice,
    Plan,
    TextContent,
    TitleChanged,
    ToolCall,
    ToolCallUpdate,
    TurnEnded,
    TurnStarted,
)

FOLDER = Path("/work")


class Thread:
    """A session whose turn has begun."""

    def __init__(self, *, has_turn: bool = True) -> None:
        self.normalizer = Normalizer(FOLDER, None, ("codex",), clock=lambda: 0.0, blocks=Blocks("b"))
        self.normalizer.thread = "t"
        self.events: list[AgentEvent] = []
        if has_turn:
            self.events += [*self.normalizer.prompt_sent(), *self.normalizer.prompt_taken("turn-1")]

    def feed(self, method: str, thread: str = "t", **params: Any) -> list[AgentEvent]:
        found = list(self.normalizer.feed(method, {"threadId": thread, **params}))
        self.events += found
        return found

    def item(self, stage: str, kind: str, item: dict[str, Any], thread: str = "t") -> list[AgentEvent]:
        return self.feed(f"item/{stage}", thread, item={"type": kind, **item}, startedAtMs=0)


def ends(events: list[AgentEvent]) -> TurnEnded:
    last = events[-1]
    assert isinstance(last, TurnEnded)
    return last


def test_what_a_newer_one_sends_is_told_once() -> None:
    thread = Thread()
    (notice,) = thread.feed("heron/landed", bird={"legs": 2})
    assert isinstance(notice, Notice)
    assert (notice.code, notice.level) == ("unknown_event", "info")
    assert "heron/landed" in notice.text
    assert thread.feed("heron/landed") == []
    (notice,) = thread.item("started", "heronCall", {"id": "h1"})
    assert isinstance(notice, Notice)
    assert thread.item("completed", "heronCall", {"id": "h1"}) == []
    assert thread.feed("turn/plan/updated", plan="no list") == [Plan(entries=[])]


def test_what_is_known_and_not_for_people_is_silent() -> None:
    thread = Thread()
    for method in ("account/rateLimits/updated", "thread/status/changed", "turn/diff/updated", "skills/changed"):
        assert thread.feed(method) == []
    assert thread.item("started", "userMessage", {"id": "u"}) == []


def test_between_turns_nothing_is_told_but_what_waits_for_the_next() -> None:
    thread = Thread(has_turn=False)
    assert thread.feed("warning", message="odd") == []
    assert thread.feed("thread/name/updated", threadName="Herons") == []
    begun = [*thread.normalizer.prompt_sent(), *thread.normalizer.prompt_taken("turn-1")]
    assert begun == [NativeIdKnown(native_id="t"), TitleChanged(title="Herons")]


def test_a_turn_that_codex_begins_by_itself() -> None:
    thread = Thread(has_turn=False)
    assert thread.feed("turn/started", turn={"id": "own"}) == [TurnStarted()]
    thread.item("completed", "agentMessage", {"id": "m", "text": "I woke up"})
    (ended,) = thread.feed("turn/completed", turn={"id": "own", "status": "completed"})
    assert ended == TurnEnded(stop_reason="end_turn", anchor="own")


def test_the_end_of_another_turn_is_not_the_end_of_this_one() -> None:
    thread = Thread()
    assert thread.feed("turn/completed", turn={"id": "turn-0", "status": "completed"}) == []
    assert ends(thread.feed("turn/completed", turn={"id": "turn-1", "status": "completed"})).anchor == "turn-1"


def test_the_list_of_tasks() -> None:
    steps = [{"step": "look", "status": "completed"}, {"step": "wait", "status": "inProgress"}]
    (plan,) = Thread().feed("turn/plan/updated", plan=[*steps, {"step": "leave", "status": "pending"}])
    assert isinstance(plan, Plan)
    assert [(entry.content, entry.status) for entry in plan.entries] == [
        ("look", "completed"),
        ("wait", "in_progress"),
        ("leave", "pending"),
    ]


def test_a_tool_of_a_server() -> None:
    thread = Thread()
    call = {"id": "c", "server": "birds", "tool": "find", "arguments": {"name": "heron"}}
    (began,) = thread.item("started", "mcpToolCall", {**call, "status": "inProgress"})
    assert isinstance(began, ToolCall)
    assert (began.name, began.input) == ("birds: find", {"name": "heron"})
    content = [{"type": "text", "text": "found"}, {"type": "image", "data": "QQ==", "mimeType": "image/png"}]
    (done,) = thread.item("completed", "mcpToolCall", {**call, "status": "completed", "result": {"content": content}})
    picture = ImageContent(mime="image/png", data_url="data:image/png;base64,QQ==")
    assert done == ToolCallUpdate(tool_call_id="c", status="completed", content=[TextContent(text="found"), picture])


def test_a_tool_that_failed_and_one_that_comes_only_at_its_end() -> None:
    thread = Thread()
    failed = {"id": "c", "server": "birds", "tool": "find", "status": "failed", "error": {"message": "no birds"}}
    began, done = thread.item("completed", "mcpToolCall", failed)
    assert isinstance(began, ToolCall)
    assert done == ToolCallUpdate(tool_call_id="c", status="failed", content=[TextContent(text="no birds")])
    began, done = thread.item("completed", "webSearch", {"id": "w", "query": "heron"})
    assert isinstance(began, ToolCall)
    assert began.title == "Search the web for heron"
    assert done == ToolCallUpdate(tool_call_id="w", status="completed", content=[])


def test_running_output_is_shown_and_replaced_at_the_end() -> None:
    thread = Thread()
    command = {"id": "c", "command": "/bin/bash -lc 'make all'", "cwd": "/work/below"}
    (began,) = thread.item("started", "commandExecution", {**command, "status": "inProgress"})
    assert isinstance(began, ToolCall)
    assert (began.title, began.input) == ("make all", {"command": "make all", "cwd": "/work/below"})
    (running,) = thread.feed("item/commandExecution/outputDelta", itemId="c", delta="one\n")
    assert running == ToolCallUpdate(tool_call_id="c", status="in_progress", content=[TextContent(text="one")])
    ended = {**command, "status": "failed", "aggregatedOutput": "one\ntwo\n", "exitCode": 2}
    (done,) = thread.item("completed", "commandExecution", ended)
    assert done == ToolCallUpdate(tool_call_id="c", status="failed", content=[TextContent(text="one\ntwo")])


def test_the_servers_of_tools() -> None:
    thread = Thread(has_turn=False)
    assert thread.feed("mcpServer/startupStatus/updated", name="birds", status="starting")
    (state,) = thread.feed("mcpServer/startupStatus/updated", name="birds", status="ready")
    assert isinstance(state, AgentState)
    assert [(server.name, server.status) for server in state.servers] == [("birds", "connected")]
    assert thread.feed("mcpServer/startupStatus/updated", name="birds", status="ready") == []
    failed = {"name": "fish", "status": "failed", "error": "log in", "failureReason": "reauthenticationRequired"}
    (state,) = thread.feed("mcpServer/startupStatus/updated", **failed)
    assert isinstance(state, AgentState)
    assert [(server.status, server.problem) for server in state.servers] == [
        ("connected", None),
        ("needs_sign_in", "log in"),
    ]


def test_a_sub_agent_that_outlives_its_turn_goes_on_in_a_turn_of_its_own() -> None:
    thread = Thread()
    thread.item(
        "started",
        "subAgentActivity",
        {"id": "a", "kind": "started", "agentThreadId": "child", "agentPath": "/root/part"},
    )
    thread.feed("turn/started", "child", turn={"id": "child-1"})
    *_, state, ended = thread.feed("turn/completed", turn={"id": "turn-1", "status": "completed"})
    assert isinstance(ended, TurnEnded)
    assert isinstance(state, AgentState)
    assert [(task.id, task.kind, task.title) for task in state.tasks] == [("child", "agent", "Agent: part")]
    began, message = thread.item("completed", "agentMessage", {"id": "m", "text": "done"}, "child")
    assert isinstance(began, TurnStarted)
    assert isinstance(message, AgentMessage)
    assert message.parent == "a"
    state, ended = thread.feed("turn/completed", "child", turn={"id": "child-1", "status": "completed"})
    assert isinstance(state, AgentState)
    assert state.tasks == []
    assert isinstance(ended, TurnEnded)


def test_an_interrupted_turn_closes_its_calls() -> None:
    thread = Thread()
    thread.item("started", "commandExecution", {"id": "c", "command": "sleep 60", "status": "inProgress"})
    *closed, ended = thread.feed("turn/completed", turn={"id": "turn-1", "status": "interrupted"})
    assert ToolCallUpdate(tool_call_id="c", status="failed", content=[TextContent(text="Not finished.")]) in closed
    assert ended == TurnEnded(stop_reason="cancelled", anchor="turn-1")
    assert thread.item("completed", "commandExecution", {"id": "c", "command": "sleep 60", "status": "failed"}) == []
