"""Pages of sessions out of several nodes: every row once, in order, however each node pages."""

from hypothesis import given
from hypothesis import strategies as st

from main.relay.fair import MAX_LIST_BYTES
from main.relay.merging import Answered, merged
from ws.protocol.paging import Position, position_of
from ws.protocol.sessions import SessionSummary


def row(updated: int, name: str, node: str, title: str = "T") -> SessionSummary:
    return SessionSummary(
        id=name, node=node, path="/p", provider="x", title=title, status="idle", updated=f"2026-{updated:04}",
        unread=False, pending_approvals=0, model=None, mode=None, archived=False,
    )  # fmt: skip


def answer(rows: list[SessionSummary], before: Position | None, most: int | None) -> Answered:
    """As a node does: `most` rows behind the cursor; None: one that knows no cursors."""
    ordered = sorted(rows, key=position_of, reverse=True)
    if most is None:
        return Answered(ordered)
    behind = [each for each in ordered if before is None or position_of(each) < before]
    return Answered(behind[:most], len(behind) > most)


LISTS = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.tuples(
        st.sets(st.tuples(st.integers(0, 5), st.sampled_from(["s", "t", "u", "v"])), max_size=12),
        st.one_of(st.none(), st.integers(1, 4)),
    ),
)


@given(LISTS, st.integers(1, 5))
def test_page_by_page_every_row_comes_once_and_in_order(
    lists: dict[str, tuple[set[tuple[int, str]], int | None]], limit: int
) -> None:
    rows = {node: [row(updated, name, node) for updated, name in found] for node, (found, _) in lists.items()}
    seen: list[SessionSummary] = []
    before: Position | None = None
    for _ in range(100):
        page = merged([answer(rows[node], before, most) for node, (_, most) in lists.items()], before, limit)
        assert len(page.rows) <= limit
        seen += page.rows
        if page.last is None:
            break
        assert before is None or page.last < before
        before = page.last
    everything = [each for found in rows.values() for each in found]
    assert seen == sorted(everything, key=position_of, reverse=True)


def test_a_node_that_promises_more_without_telling_any_ends_the_list() -> None:
    page = merged([Answered([], has_more=True), Answered([row(1, "s", "a")])], None, 10)
    assert (len(page.rows), page.last) == (1, None)


def test_one_node_with_long_rows_is_paged_by_their_length() -> None:
    rows = [row(number, "s", "a", title="x" * (MAX_LIST_BYTES // 3)) for number in range(5)]
    first = merged([Answered(rows)], None, 100)
    assert [each.updated for each in first.rows] == ["2026-0004", "2026-0003"]
    second = merged([Answered(rows)], first.last, 100)
    assert [each.updated for each in second.rows] == ["2026-0002", "2026-0001"]
