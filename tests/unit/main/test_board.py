"""A board tells its readers: at once while they are few, in rounds while many, and always what they may see."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from main.board import Board
from main.telling import AT_ONCE
from tests.support.waiting import eventually
from ws.protocol.errors import WireError

MANY = AT_ONCE * 3


@dataclass
class Reader:
    """What it was told, message by message; `picture` is what a page makes of it."""

    messages: list[list[str]] = field(default_factory=list)
    picture: dict[str, int] = field(default_factory=dict)

    def offer(self, event: bytes) -> bool:
        return self.offer_all([event])

    def offer_all(self, events: Sequence[bytes]) -> bool:
        told = [json.loads(event) for event in events]
        self.messages.append([f"{each['key']}={each['value']}" for each in told])
        for each in told:
            if each["value"] is None:
                self.picture.pop(each["key"], None)
            else:
                self.picture[each["key"]] = each["value"]
        return True

    async def send(self, event: bytes) -> bool:
        return self.offer(event)

    def lag(self) -> None:
        raise AssertionError("lagged")

    def end(self, error: WireError | None = None) -> None:
        raise AssertionError("ended")


Value = tuple[str, int]


def event(key: str, value: int | None) -> bytes:
    return json.dumps({"key": key, "value": value}).encode()


def new_board() -> Board[str, Value]:
    return Board(changed=lambda value: event(*value), removed=lambda key: event(key, None))


def put(board: Board[str, Value], key: str, value: int) -> None:
    board.put(key, (key, value))


def readers_of(board: Board[str, Value], count: int, *, look: str | None = "all", least: int = 0) -> list[Reader]:
    """Readers who see what is at least so much."""
    made = [Reader() for _ in range(count)]
    for reader in made:
        _ = board.watch(lambda _: b"{}", lambda value: value[1] >= least, look=look).attach(reader)
    return made


async def settled(readers: Sequence[Reader], picture: dict[str, int]) -> None:
    async def is_settled() -> bool:
        return all(reader.picture == picture for reader in readers)

    await eventually(is_settled, what=f"all readers to see {picture}")


async def test_few_readers_are_told_each_change_at_once() -> None:
    board = new_board()
    readers = readers_of(board, AT_ONCE)
    put(board, "a", 1)
    put(board, "a", 2)
    board.remove("a")
    assert all(reader.messages == [["a=1"], ["a=2"], ["a=None"]] for reader in readers)


async def test_many_readers_are_told_in_turns_and_what_changes_meanwhile_in_one_message() -> None:
    board = new_board()
    readers = readers_of(board, MANY)
    put(board, "a", 1)
    told_at_once = sum(bool(reader.messages) for reader in readers)
    assert told_at_once == AT_ONCE
    for number in range(10):
        put(board, "a", number)
        put(board, "b", number)
    await settled(readers, {"a": 9, "b": 9})
    assert all(reader.messages == [["a=1"], ["a=9", "b=9"]] for reader in readers)


async def test_a_value_that_came_and_went_within_a_round_is_not_told_to_those_who_never_saw_it() -> None:
    board = new_board()
    everybody, chosen = readers_of(board, MANY), readers_of(board, MANY, look="chosen", least=5)
    put(board, "a", 1)
    put(board, "hidden", 1)
    board.remove("hidden")
    put(board, "shown", 5)
    put(board, "shown", 1)
    put(board, "b", 7)
    await settled(everybody, {"a": 1, "shown": 1, "b": 7})
    await settled(chosen, {"b": 7})
    assert all(reader.messages == [["b=7"]] for reader in chosen)


async def test_a_value_out_of_sight_is_removed_for_those_who_saw_it_though_it_changed_again_since() -> None:
    board = new_board()
    put(board, "a", 9)
    chosen = readers_of(board, MANY, least=5)
    put(board, "a", 8)
    put(board, "a", 2)
    put(board, "a", 1)
    await settled(chosen, {})
    assert all(reader.messages == [["a=8"], ["a=None"]] for reader in chosen)


async def test_who_comes_during_a_round_ends_with_the_picture_of_all() -> None:
    board = new_board()
    readers = readers_of(board, MANY)
    put(board, "a", 1)
    put(board, "b", 1)
    board.remove("b")
    late = Reader()
    feed = board.watch(lambda values: json.dumps(dict(values)).encode(), look="all")
    late.picture |= json.loads(feed.result)
    put(board, "c", 1)
    _ = feed.attach(late)
    put(board, "a", 2)
    await settled([*readers, late], {"a": 2, "c": 1})


async def test_who_comes_between_two_changes_is_told_that_what_came_with_its_snapshot_has_gone() -> None:
    board = new_board()
    readers = readers_of(board, MANY)
    put(board, "a", 1)
    put(board, "b", 1)
    put(board, "c", 1)
    late = Reader()
    feed = board.watch(lambda values: json.dumps(dict(values)).encode(), lambda value: value[1] < 5, look="late")
    late.picture |= json.loads(feed.result)
    _ = feed.attach(late)
    board.remove("b")
    put(board, "c", 5)
    put(board, "c", 6)
    await settled(readers, {"a": 1, "c": 6})
    await settled([late], {"a": 1})


async def test_who_leaves_during_a_round_is_no_trouble_and_the_last_ones_are_told() -> None:
    board = new_board()
    leaving = Reader()
    detach = board.watch(lambda _: b"{}", look="all").attach(leaving)
    readers = readers_of(board, MANY)
    put(board, "a", 1)
    detach()
    put(board, "a", 2)
    await settled(readers, {"a": 2})
    assert board.readers == MANY


async def test_one_that_cannot_be_told_holds_nobody_else_up() -> None:
    board = new_board()
    failed: list[Value] = []

    def view(value: Value) -> Value:
        if value == ("a", 1) and not failed:
            failed.append(value)
            raise RuntimeError("the first one who is told")
        return value

    readers = [Reader() for _ in range(3)]
    for reader in readers:
        _ = board.watch(lambda _: b"{}", view=view).attach(reader)
    with pytest.raises(RuntimeError):
        put(board, "a", 1)

    async def are_others_told() -> bool:
        return sum(reader.picture == {"a": 1} for reader in readers) == 2

    await eventually(are_others_told, what="the two others to be told")
    put(board, "a", 2)
    await settled(readers, {"a": 2})


async def test_what_is_said_keeps_its_place_among_the_changes() -> None:
    board = new_board()
    readers = readers_of(board, MANY)
    put(board, "a", 1)
    put(board, "b", 1)
    board.tell(lambda _: event("said", 1), about="")
    put(board, "c", 1)
    await settled(readers, {"a": 1, "b": 1, "said": 1, "c": 1})
    assert all(reader.messages == [["a=1"], ["b=1", "said=1", "c=1"]] for reader in readers)


async def test_how_an_owner_sees_a_value_anew_never_arrives_before_older_news() -> None:
    board = new_board()
    seen_as = {"eve": 0}
    eve = [Reader() for _ in range(MANY)]
    for reader in eve:
        feed = board.watch(
            lambda _: b"{}", owner="eve", view=lambda value: (value[0], value[1] + seen_as["eve"]), look="all"
        )
        _ = feed.attach(reader)
    put(board, "a", 1)  # a round in which not all have been told
    seen_as["eve"] = 100
    board.again("a", "eve")
    await settled(eve, {"a": 101})
    seen_as["eve"] = 200
    board.again("a", "eve")
    await settled(eve, {"a": 201})
