"""Where a conversation stands, by what the real CLI was seen to send."""

from typing import Any

from tests.support.model_server.conversation import Position, position


def user(*texts: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": text} for text in texts]}


def called(name: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "tool_use", "id": name, "name": name, "input": {}}]}


def returned(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": text}]}]}


def test_reminders_are_not_said_by_the_user() -> None:
    messages = [user("<system-reminder>\nthe date\n</system-reminder>\n", "say hello")]
    assert position(messages) == Position("say hello", 0, ("say hello",))


def test_calls_are_counted_since_the_last_prompt() -> None:
    messages = [user("run a"), called("Bash"), returned("ok"), user("run b\nrun c"), called("Bash"), returned("ok")]
    assert position(messages) == Position("run b\nrun c", 1, ("run a", "run b\nrun c"))


def test_a_dead_turn_is_merged_into_the_next_prompt() -> None:
    assert position([user("hang", "[Request interrupted by user]", "say hello")]).prompt == "say hello"


def test_a_message_sent_meanwhile_comes_inside_a_tool_result() -> None:
    reminder = (
        "ok\n<system-reminder>\nThe user sent a new message while you were working:\nsay new\n\n"
        "This is how Claude Code surfaces it\n</system-reminder>"
    )
    assert position([user("run a"), called("Bash"), returned(reminder)]) == Position("say new", 0, ("run a", "say new"))


def test_what_is_told_beside_the_conversation_is_no_prompt() -> None:
    messages = [user("say hello"), {"role": "system", "content": "You are powered by another model."}]
    assert position(messages).prompt == "say hello"


def test_plain_text_content_is_a_prompt() -> None:
    assert position([{"role": "user", "content": "say hello"}]).prompt == "say hello"
