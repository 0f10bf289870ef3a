"""Recorded messages of the real CLI mean the events that were written down beside them."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from claude_agent_sdk import AssistantMessage, Message, ResultMessage, StreamEvent, SystemMessage, TextBlock

from providers.base import AgentEvent
from providers.claude.normalize import Normalizer
from providers.claude.streaming import LiveText
from tests.transcripts.replay import HERE, events_of, shown
from ws.protocol.events import AgentMessage, Delta, ModeChanged, TurnEnded, TurnStarted

RECORDINGS = sorted(HERE.glob("claude-*.jsonl"))


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_a_recording_means_its_events(recording: Path) -> None:
    messages = [msgspec.json.decode(line) for line in recording.read_bytes().splitlines()]
    assert shown(events_of(messages)) == recording.with_name(f"{recording.stem}.events.json").read_bytes()


def test_there_are_recordings() -> None:
    assert len(RECORDINGS) >= 7


@pytest.fixture
def normalizer() -> Normalizer:
    return Normalizer(Path("/project"), "native", "default", LiveText("block"))


def fed(normalizer: Normalizer, *messages: Message) -> list[AgentEvent]:
    return [event for message in messages for event in normalizer.feed(message)]


def result(**fields: Any) -> ResultMessage:
    base: dict[str, Any] = {"subtype": "success", "duration_ms": 1, "duration_api_ms": 1, "is_error": False}
    return ResultMessage(**{**base, "num_turns": 1, "session_id": "native", **fields})


def says(text: str, parent: str | None = None) -> AssistantMessage:
    return AssistantMessage(content=[TextBlock(text)], model="m", parent_tool_use_id=parent)


def test_a_turn_of_the_agents_own_does_not_end_the_prompt_that_waits_behind_it(normalizer: Normalizer) -> None:
    normalizer.prompt_sent("mine")
    foreign = result(origin={"kind": "task-notification"})
    assert not fed(normalizer, foreign)
    assert not fed(normalizer, result(user_message_uuids=["another"]))
    assert isinstance(fed(normalizer, result(user_message_uuids=["another", "mine"]))[-1], TurnEnded)


def test_the_agent_begins_and_ends_a_turn_by_itself(normalizer: Normalizer) -> None:
    events = fed(normalizer, says("the task is done"), result(origin={"kind": "task-notification"}))
    assert isinstance(events[0], TurnStarted)
    assert isinstance(events[1], AgentMessage)
    assert events[2:] == [TurnEnded(stop_reason="end_turn")]


def test_a_sub_agent_between_turns_is_not_told(normalizer: Normalizer) -> None:
    assert not fed(normalizer, says("in the background", parent="call"))
    assert not normalizer.has_turn


def test_an_interrupted_turn_is_cancelled_whatever_its_result_says(normalizer: Normalizer) -> None:
    normalizer.prompt_sent("mine")
    normalizer.interrupt_sent()
    assert fed(normalizer, result(subtype="error_during_execution", is_error=True)) == [
        TurnEnded(stop_reason="cancelled")
    ]


def test_a_block_that_a_turn_left_unfinished_keeps_its_id_for_itself(normalizer: Normalizer) -> None:
    def streamed(text: str) -> list[AgentEvent]:
        raw = (
            {"type": "message_start"},
            {"type": "content_block_start", "content_block": {"type": "text"}},
            {"type": "content_block_delta", "delta": {"text": text}},
        )
        return fed(normalizer, *(StreamEvent(uuid="u", session_id="native", event=event) for event in raw))

    normalizer.prompt_sent("first")
    assert streamed("Half a") == [Delta(message_id="block-0", kind="text", offset=0, text="Half a")]
    fed(normalizer, result(user_message_uuids=["first"], is_error=True, result="API Error"))
    normalizer.prompt_sent("second")
    assert streamed("Whole") == [Delta(message_id="block-1", kind="text", offset=0, text="Whole")]
    assert fed(normalizer, says("Whole")) == [AgentMessage(message_id="block-1", text="Whole")]


@pytest.mark.parametrize(("reason", "told"), [("max_tokens", "max_tokens"), ("refusal", "refusal"), (None, "end_turn")])
def test_the_models_stop_reason_is_kept(normalizer: Normalizer, reason: str | None, told: str) -> None:
    normalizer.prompt_sent("mine")
    assert fed(normalizer, result(stop_reason=reason)) == [TurnEnded(stop_reason=told)]  # type: ignore[arg-type]


def test_the_mode_is_told_only_when_the_user_did_not_choose_it(normalizer: Normalizer) -> None:
    normalizer.prompt_sent("mine")
    normalizer.mode_set("plan")
    echo = SystemMessage("status", {"permissionMode": "plan"})
    left = SystemMessage("status", {"permissionMode": "acceptEdits"})
    assert fed(normalizer, echo, left) == [ModeChanged(mode="acceptEdits")]


def test_a_stray_result_ends_nothing(normalizer: Normalizer) -> None:
    assert not fed(normalizer, result())


def test_a_prompt_behind_the_agents_own_turn_waits_for_its_end(normalizer: Normalizer) -> None:
    assert isinstance(fed(normalizer, says("the task is done"))[0], TurnStarted)
    normalizer.prompt_sent("mine")
    assert fed(normalizer, result(origin={"kind": "task-notification"})) == [TurnEnded(stop_reason="end_turn")]
    assert normalizer.has_turn
    events = fed(normalizer, says("hello"), result(user_message_uuids=["mine"]))
    assert [type(event) for event in events] == [AgentMessage, TurnEnded]
    assert not normalizer.has_turn


def test_a_prompt_that_the_agents_own_turn_took_in_ends_with_it(normalizer: Normalizer) -> None:
    fed(normalizer, says("the task is done"))
    normalizer.prompt_sent("mine")
    events = fed(normalizer, result(user_message_uuids=["mine"], origin={"kind": "task-notification"}))
    assert events == [TurnEnded(stop_reason="end_turn")] * 2
    assert not normalizer.has_turn


def test_a_prompt_sent_while_a_background_agent_begins_to_ask_ends_too() -> None:
    asked = True
    normalizer = Normalizer(Path("/project"), "native", "default", is_asked=lambda: asked)
    assert list(normalizer.asked_about("call")) == [TurnStarted()]
    normalizer.prompt_sent("mine")
    told = fed(normalizer, says("hello"), result(user_message_uuids=["mine"]))
    assert [type(event) for event in told] == [AgentMessage], "it is held for what is asked"
    asked = False
    assert list(normalizer.settle()) == [TurnEnded(stop_reason="end_turn")] * 2
    assert not normalizer.has_turn
