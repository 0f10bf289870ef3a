"""Nothing that an agent says is larger than an event may be."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import bounds
from ws.protocol.events import (
    MAX_EVENT_BYTES,
    AgentMessage,
    DiffContent,
    ImageContent,
    TextContent,
    ToolCall,
    ToolCallUpdate,
    ToolContent,
)

WORST = "\x01"
"""A character that JSON writes with six bytes."""


def test_a_short_text_has_no_part_number() -> None:
    assert list(bounds.parts("heron")) == [("heron", None)]


def test_parts_of_the_worst_text_fit_and_make_the_whole() -> None:
    text = WORST * (3 * bounds.PART_CHARS + 1)
    found = list(bounds.parts(text))
    assert [part for _, part in found] == [0, 1, 2, 3]
    assert "".join(piece for piece, _ in found) == text
    for piece, part in found:
        event = AgentMessage(message_id="m" * 128, text=piece, part=part)
        assert len(msgspec.json.encode(event)) <= MAX_EVENT_BYTES


@pytest.mark.parametrize(
    "content",
    [
        TextContent(text=WORST * 10**6),
        DiffContent(path="/x", old_text=WORST * 10**5, new_text=WORST * 10**5),
        ImageContent(mime="image/png", data_url="data:image/png;base64," + "A" * 10**6),
    ],
)
def test_contents_fit_an_event_even_together(content: ToolContent) -> None:
    update = ToolCallUpdate(tool_call_id="t", status="completed", content=bounds.fitting_all([content] * 5))
    assert len(msgspec.json.encode(update)) <= MAX_EVENT_BYTES


def test_a_small_content_is_shown_as_it_is() -> None:
    diff = DiffContent(path="/x", old_text="a", new_text="b")
    assert bounds.fitting_all([diff, TextContent(text="heron")]) == [diff, TextContent(text="heron")]


def test_a_long_output_keeps_its_beginning_and_its_end() -> None:
    text = bounds.clipped("first " + "x" * 10**6 + " last", 100)
    assert text.startswith("first")
    assert text.endswith("last")
    assert "characters left out" in text


@pytest.mark.parametrize("arguments", [{"a": WORST * 10**6}, {str(n): WORST * 60_000 for n in range(10)}])
def test_the_input_of_a_call_fits(arguments: dict[str, str]) -> None:
    shown = bounds.clipped_input(arguments)
    call = ToolCall(tool_call_id="t", name="n", kind="other", title="t", input=shown)
    assert len(msgspec.json.encode(call)) <= MAX_EVENT_BYTES


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers(), max_size=4))
def test_an_unchanged_input_is_restored_exactly(extra: dict[str, str | int]) -> None:
    original = {"content": "heron " * 50_000, **extra}
    assert bounds.restored_input(bounds.clipped_input(original), original) == original


def test_a_changed_value_is_taken_and_a_shortened_one_put_back() -> None:
    original = {"path": "/a", "content": "heron " * 50_000}
    shown = bounds.clipped_input(original)
    assert bounds.restored_input({**shown, "path": "/b"}, original) == {**original, "path": "/b"}


def test_an_input_that_was_not_shown_cannot_be_changed() -> None:
    original = {str(n): WORST * 60_000 for n in range(10)}
    assert bounds.restored_input({"left_out": "x"}, original) == original
