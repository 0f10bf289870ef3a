"""Journals by name. Together they hold every event type; each ends where its state is worth a look."""

from collections.abc import Mapping, Sequence

from ws.protocol.events import (
    AgentMessage,
    AgentThought,
    ApprovalOption,
    ApprovalRequested,
    ApprovalResolved,
    Archived,
    Attachment,
    DiffContent,
    ForkPoint,
    ImageContent,
    JournalEvent,
    ModeChanged,
    ModelChanged,
    NativeIdKnown,
    Notice,
    Plan,
    PlanEntry,
    PromptDropped,
    PromptEdited,
    PromptMoved,
    PromptQueued,
    Question,
    QuestionChoice,
    QueueHeld,
    QueueReleased,
    Rewound,
    RewoundFile,
    SessionStarted,
    TextContent,
    TitleChanged,
    ToolCall,
    ToolCallUpdate,
    TurnEnded,
    TurnStarted,
    Usage,
    UserMessage,
)

STARTED = SessionStarted(provider="claude", path="/home/ada/app", model="sonnet", mode="default")


def queued(message_id: str, text: str = "Do it") -> PromptQueued:
    return PromptQueued(message_id=message_id, text=text, attachments=[], by="ada")


def begun(message_id: str, text: str = "Do it") -> list[JournalEvent]:
    return [TurnStarted(), UserMessage(message_id=message_id, text=text, attachments=[], by="ada")]


def asked(approval: str, tool_call_id: str | None = None) -> ApprovalRequested:
    return ApprovalRequested(
        approval=approval,
        kind="tool",
        title="Run make",
        input={"command": "make"},
        options=[
            ApprovalOption(id="yes", name="Allow once", kind="allow_once"),
            ApprovalOption(id="always", name="Always allow make in this folder", kind="allow_always"),
            ApprovalOption(id="no", name="Deny", kind="reject_once"),
        ],
        tool_call_id=tool_call_id,
        expires_at="2026-11-21T12:00:00.000Z",
    )


RUNNING: list[JournalEvent] = [STARTED, queued("m1"), *begun("m1")]
MAKE = ToolCall(tool_call_id="c1", name="Bash", kind="execute", title="make", input={"command": "make"})
WAITING: list[JournalEvent] = [*RUNNING, queued("m2", "Second"), queued("m3", "Third"), queued("m4", "Fourth")]
END = TurnEnded(stop_reason="end_turn")

CASES: Mapping[str, Sequence[JournalEvent]] = {
    "new": [STARTED],
    "new-with-everything": [
        SessionStarted(
            provider="claude",
            path="/home/ada/app",
            model="opus",
            mode="plan",
            effort="high",
            title="Named at once",
            native_id="n-1",
        )
    ],
    "queued": [STARTED, QueueHeld(by="ada"), queued("m1")],
    "running": RUNNING,
    "one-turn": [
        *RUNNING,
        TitleChanged(title="Do it"),
        NativeIdKnown(native_id="n-2"),
        AgentThought(message_id="a1", text="Hm."),
        AgentMessage(message_id="a2", text="First part, ", part=0),
        AgentMessage(message_id="a2", text="second part: ä€😀.", part=1),
        Usage(input_tokens=12, output_tokens=34, cost_usd=0.01, context_used=46, context_size=200_000),
        END,
    ],
    "tools": [
        *RUNNING,
        MAKE,
        ToolCallUpdate(tool_call_id="c1", status="in_progress", content=[TextContent(text="cc a.c")]),
        ToolCall(tool_call_id="c2", name="Edit", kind="edit", title="a.c", input={"path": "a.c"}, parent="c1"),
        ToolCallUpdate(
            tool_call_id="c2",
            status="completed",
            content=[
                DiffContent(path="/home/ada/app/a.c", old_text=None, new_text="int a;\n"),
                ImageContent(mime="image/png", data_url="data:image/png;base64,AA=="),
            ],
        ),
        ToolCallUpdate(tool_call_id="c1", status="failed", content=[TextContent(text="error 1")]),
        Usage(input_tokens=1, output_tokens=2),
        Usage(input_tokens=3, output_tokens=5),
        END,
    ],
    "plan": [
        *RUNNING,
        Plan(entries=[PlanEntry(content="Look", status="in_progress"), PlanEntry(content="Change", status="pending")]),
        Plan(entries=[PlanEntry(content="Look", status="completed"), PlanEntry(content="Change", status="completed")]),
        END,
    ],
    "waiting": [*RUNNING, MAKE, asked("p1", "c1"), asked("p2")],
    "answered": [
        *RUNNING,
        asked("p1"),
        asked("p2"),
        ApprovalResolved(approval="p1", outcome="selected", option="always", by="ada"),
    ],
    "answers-of-all-kinds": [
        *RUNNING,
        ApprovalRequested(
            approval="q1",
            kind="question",
            title="Which one?",
            input={},
            options=[ApprovalOption(id="answer", name="Answer", kind="allow_once")],
            questions=[
                Question(
                    id="which",
                    question="Which one?",
                    header="Choice",
                    options=[QuestionChoice(label="This", description="The first")],
                    multiple=False,
                    is_secret=False,
                )
            ],
        ),
        ApprovalResolved(approval="q1", outcome="selected", option="answer", by="ada"),
        asked("p1"),
        ApprovalResolved(approval="p1", outcome="expired"),
        asked("p2"),
        ApprovalResolved(approval="p2", outcome="withdrawn"),
        TurnEnded(stop_reason="cancelled"),
    ],
    "restarted-while-waiting": [
        *RUNNING,
        asked("p1"),
        ApprovalResolved(approval="p1", outcome="withdrawn"),
        TurnEnded(stop_reason="node_restarted"),
    ],
    "queue-edited": [
        *WAITING,
        PromptEdited(message_id="m3", text="Third, better", by="bob"),
        PromptMoved(message_id="m4", before="m2", by="ada"),
        PromptMoved(message_id="m2", by="ada"),
        PromptDropped(message_id="m3", by="ada"),
    ],
    "queue-move-beyond": [*WAITING, PromptMoved(message_id="m2", before="gone", by="ada")],
    "queue-held": [*WAITING, QueueHeld(by="ada"), TurnEnded(stop_reason="cancelled")],
    "queue-released": [
        *WAITING,
        QueueHeld(by="ada"),
        TurnEnded(stop_reason="cancelled"),
        QueueReleased(by="bob"),
        *begun("m2", "Second"),
    ],
    "failed": [*RUNNING, TurnEnded(stop_reason="error", error="Claude is not signed in: run `claude auth login`.")],
    "failed-without-a-word": [*RUNNING, TurnEnded(stop_reason="error")],
    "failed-then-fine": [
        *RUNNING,
        TurnEnded(stop_reason="error", error="Overloaded."),
        queued("m2"),
        *begun("m2"),
        TurnEnded(stop_reason="max_tokens"),
        queued("m3"),
        *begun("m3"),
        TurnEnded(stop_reason="refusal"),
    ],
    "settings": [
        STARTED,
        ModeChanged(mode="acceptEdits", by="ada"),
        ModelChanged(model="opus", effort="high", by="ada"),
        ModelChanged(model="haiku", by="ada"),
        TitleChanged(title="Renamed", by="ada"),
        Archived(archived=True, by="ada"),
        Archived(archived=False, by="ada"),
        Archived(archived=True, by="bob"),
    ],
    "attachments-and-notices": [
        STARTED,
        PromptQueued(
            message_id="m1",
            text="See this",
            attachments=[
                Attachment(type="file", name="a.c", path="/home/ada/app/a.c"),
                Attachment(type="image", name="b.png", mime="image/png", data_url="data:image/png;base64,AA=="),
            ],
            by="ada",
        ),
        Notice(level="warning", code="retry", text="The model is busy; trying again."),
    ],
    "gone-back": [
        *RUNNING,
        TurnEnded(stop_reason="end_turn", anchor="a1"),
        queued("m2"),
        *begun("m2"),
        TurnEnded(stop_reason="end_turn", anchor="a2"),
        Rewound(
            message_id="m2",
            files=[RewoundFile(path="/home/ada/app/a.c", insertions=1, deletions=2)],
            by="ada",
            native_id="n1",
            resume_at="a1",
        ),
    ],
    "gone-back-and-on": [
        *RUNNING,
        TurnEnded(stop_reason="end_turn", anchor="a1"),
        Rewound(message_id="m1", files=[], by="ada", native_id="n1", resume_at="a0"),
        queued("m2"),
        *begun("m2"),
        TurnEnded(stop_reason="cancelled"),
        queued("m3"),
        *begun("m3"),
        TurnEnded(stop_reason="end_turn", anchor="a3"),
    ],
    "forked": [
        SessionStarted(
            provider="claude",
            path="/home/ada/app",
            model=None,
            mode=None,
            forked_from=ForkPoint(session="s0", seq=9, native_id="n1", anchor="a1"),
        ),
        queued("m1"),
    ],
    "forked-and-gone-back": [
        SessionStarted(
            provider="claude",
            path="/home/ada/app",
            model=None,
            mode=None,
            forked_from=ForkPoint(session="s0", seq=9, native_id="n1", anchor="a1"),
        ),
        queued("m1"),
        *begun("m1"),
        NativeIdKnown(native_id="n2"),
        TurnEnded(stop_reason="end_turn", anchor="a2"),
        Rewound(message_id="m1", files=[], by="ada"),
    ],
    "agents-own-turn": [*RUNNING, END, TurnStarted(), AgentMessage(message_id="b1", text="The build is done.")],
}
