"""The prompt is the script."""

import pytest

from tests.support.model_server.script import Act, Fault, Piece, Recall, Say, Think, answer


def test_a_request_is_answered_up_to_and_with_the_next_act() -> None:
    script = "think about it\nsay first\nrun ls\nsay second\nread /x\nsay third"
    assert answer(script, 0, may_act=True) == [Think("about it"), Say(("first",)), Act("run", ("ls",))]
    assert answer(script, 1, may_act=True) == [Say(("second",)), Act("read", ("/x",))]
    assert answer(script, 2, may_act=True) == [Say(("third",))]


def test_a_script_that_is_over_is_done() -> None:
    assert answer("run ls", 1, may_act=True) == [Say(("Done.",))]


def test_acts_may_come_together() -> None:
    script = "par 2\nrun a\nrun b\nsay both"
    assert answer(script, 0, may_act=True) == [Act("run", ("a",)), Act("run", ("b",))]
    assert answer(script, 2, may_act=True) == [Say(("both",))]


def test_a_side_request_only_talks() -> None:
    assert answer("run ls\nsay hello\nerror 500", 0, may_act=False) == [Say(("hello",))]
    assert answer("run ls", 0, may_act=False) == [Say(("Done.",))]


@pytest.mark.parametrize(
    ("line", "piece"),
    [
        ("write /x one\\ntwo", Act("write", ("/x", "one\ntwo"))),
        ("edit /x 'old text' new", Act("edit", ("/x", "old text", "new"))),
        ("ask Which one? A|B", Act("ask", ("Which one?", "A", "B"))),
        ("slow 2 0.5", Say(("chunk 1 ", "chunk 2 "), 0.5)),
        ("error 529 1", Fault("error", 529, 1)),
        ("drop", Fault("drop", times=1)),
        ("hang", Fault("hang")),
        ("recall", Recall()),
        ("what is this?", Say(("You said: what is this?",))),
    ],
)
def test_a_command_is_one_line(line: str, piece: Piece) -> None:
    assert answer(line, 0, may_act=True) == [piece]


def test_a_plan_is_written_and_then_presented() -> None:
    assert answer("plan Watch", 0, may_act=True) == [Act("plan_file", ("Watch",))]
    assert answer("plan Watch", 1, may_act=True) == [Act("plan", ("Watch",))]


def test_a_big_answer_has_the_size_that_was_asked_for() -> None:
    (block,) = answer("big 10", 0, may_act=True)
    assert isinstance(block, Say)
    assert len("".join(block.chunks)) == 10 * 1024
