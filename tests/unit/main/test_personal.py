"""What people keep: bounded for each, gone with users, nodes and sessions; marks never go back."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from main.relay.allowance import Allowance
from main.relay.personal import Person, Personal
from main.store import Store, open_store, personal
from main.store.nodes import About, Identity
from main.store.personal import Looked, PersonalRows
from main.store.users import Account
from tests.unit.main.test_store import SESSION
from ws.protocol.base import NodeId, SessionId, UserId
from ws.protocol.errors import WireError
from ws.protocol.nodes import Capabilities
from ws.protocol.personal import Draft, PersonalSetting
from ws.protocol.sessions import SessionSummary

ADA, BOB = UserId("ada"), UserId("bob")
N, S = NodeId("n"), SessionId("s")


def identity(name: str) -> Identity:
    can = Capabilities(terminal=True, providers=[], features=[])
    about = About(name=name, platform="linux", version="1", labels={}, capabilities=can)
    return Identity(
        NodeId(name), name, "direct", is_local=False, is_confirmed=True, secret_hash=b"h", main_secret="s",
        about=about, last_seen=None,
    )  # fmt: skip


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(tmp_path / "main.db")
    for user in (ADA, BOB):
        await opened.users.add(Account(user, user, "owner", "x"))
    for node in ("n", "m"):
        await opened.identities.put(identity(node))
    yield opened
    await opened.close()


@pytest.fixture
def rows(store: Store) -> PersonalRows:
    return store.personal


async def marks(rows: PersonalRows, user: UserId) -> dict[str, int]:
    return {f"{node}/{session}": looked.seq for (node, session), looked in (await rows.looked(user))[1].items()}


async def test_a_mark_never_goes_back_and_is_one_persons(rows: PersonalRows) -> None:
    await rows.mark(ADA, {(N, S): Looked(5, "t1")}, "")
    await rows.mark(ADA, {(N, S): Looked(3, "t2")}, "")
    assert (await marks(rows, ADA), await marks(rows, BOB)) == ({"n/s": 5}, {})


async def test_the_longest_untouched_marks_go_beyond_the_bound(
    rows: PersonalRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(personal, "MAX_MARKS", 3)
    for number in range(5):
        await rows.mark(ADA, {(N, SessionId(f"s{number}")): Looked(1, f"t{number}")}, "")
    assert list(await marks(rows, ADA)) == ["n/s2", "n/s3", "n/s4"]


async def test_nothing_is_kept_of_who_or_what_is_gone(store: Store, rows: PersonalRows) -> None:
    for user in (ADA, BOB):
        await rows.mark(user, {(N, S): Looked(1, "t"), (NodeId("m"), S): Looked(1, "t")}, "")
        for key in ("n/s", "n/other", "m/s", "n0/s", "new"):
            await rows.put_draft(user, Draft(key=key, text="x"))
        await rows.put_setting(user, PersonalSetting(name="keys", value="{}"))
    await store.identities.remove(NodeId("m"))
    assert await marks(rows, ADA) == {"n/s": 1}
    assert {draft.key for draft in await rows.drafts(ADA)} == {"n/s", "n/other", "n0/s", "new"}
    assert sorted(await rows.unmark([(N, S)])) == [(ADA, "n/s"), (BOB, "n/s")]
    assert await marks(rows, ADA) == {}
    await store.users.remove(BOB)
    assert (await rows.drafts(BOB), await rows.settings(BOB), await marks(rows, BOB)) == ([], [], {})
    await rows.mark(BOB, {(N, S): Looked(1, "t")}, "")
    await rows.put_draft(BOB, Draft(key="new", text="x"))
    await rows.mark(ADA, {(NodeId("gone"), S): Looked(1, "t")}, "")
    assert (await rows.drafts(BOB), await marks(rows, BOB), await marks(rows, ADA)) == ([], {}, {})


async def test_an_empty_draft_and_a_default_setting_are_not_kept(rows: PersonalRows) -> None:
    await rows.put_draft(ADA, Draft(key="new", text="x", device="laptop"))
    await rows.put_setting(ADA, PersonalSetting(name="keys", value=""))
    assert await rows.drafts(ADA) == [Draft(key="new", text="x", device="laptop")]
    assert await rows.settings(ADA) == [PersonalSetting(name="keys", value="")]
    await rows.put_draft(ADA, Draft(key="new", text=""))
    await rows.put_setting(ADA, PersonalSetting(name="keys", value=None))
    assert (await rows.drafts(ADA), await rows.settings(ADA)) == ([], [])


async def test_drafts_are_bounded_in_number_and_bytes_and_the_oldest_go(
    rows: PersonalRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(personal, "MAX_DRAFTS", 3)
    monkeypatch.setattr(personal, "MAX_DRAFT_BYTES", 100)
    gone = [await rows.put_draft(ADA, Draft(key=f"n/s{number}", text="x")) for number in range(4)]
    assert gone == [[], [], [], ["n/s0"]]
    assert await rows.put_draft(ADA, Draft(key="new", text="\n" * 48)) == ["n/s3", "n/s2", "n/s1"]
    assert await rows.put_draft(ADA, Draft(key="n/s", text="x" * 500)) == ["new"]
    assert [draft.key for draft in await rows.drafts(ADA)] == ["n/s"]


async def test_settings_are_bounded(rows: PersonalRows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(personal, "MAX_SETTINGS", 2)
    gone = [await rows.put_setting(ADA, PersonalSetting(name=name, value="1")) for name in ("a", "b", "c")]
    assert gone == [[], [], ["a"]]


def session(news: int = 0, updated: str = "2026-02", *, unread: bool = False, name: str = "s") -> SessionSummary:
    return msgspec.structs.replace(SESSION, id=name, news=news, updated=updated, unread=unread)


def test_news_are_unread_until_looked_at() -> None:
    person = Person(ADA, "2026-01", {})
    assert person.is_unread(session(7))
    assert person.look((N, S), 6)
    assert person.is_unread(session(7))
    assert person.look((N, S), 7)
    assert not person.is_unread(session(7))
    assert person.is_unread(session(8))
    assert not person.look((N, S), 3)


def test_what_changed_last_before_the_account_was_made_is_not_news() -> None:
    person = Person(ADA, "2026-03", {})
    assert not person.is_unread(session(7, "2026-02"))
    assert person.is_unread(session(7, "2026-04"))


def test_a_node_that_tells_no_news_says_itself_what_is_unread() -> None:
    person = Person(ADA, "2026-01", {(N, S): Looked(9, "t")})
    assert person.is_unread(session(unread=True))
    assert not person.is_unread(session())


def test_sessions_whose_marks_went_for_newer_ones_do_not_turn_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("main.relay.personal.MAX_MARKS", 2)
    person = Person(ADA, "2026-01", {(N, SessionId("old")): Looked(7, "2026-06")})
    for name in ("s1", "s2"):
        person.look((N, SessionId(name)), 1)
    assert list(person.marks) == [(N, "s1"), (N, "s2")]
    assert not person.is_unread(session(7, "2026-05", name="old"))
    assert person.is_unread(session(8, "2026-07", name="old"))


async def test_readers_of_a_row_share_two_of_it(store: Store) -> None:
    people = Personal(store.personal)
    await people.mark(ADA, (N, S), 7)
    await people.person(BOB)
    row = session(7, "9999", unread=True)
    read = people.seen_by(ADA, row)
    assert (read.unread, people.seen_by(BOB, row) is row, people.seen_by(ADA, row) is read) == (False, True, True)
    await people.close()


async def test_marks_of_acts_are_on_disk_when_main_has_closed(store: Store) -> None:
    people = Personal(store.personal)
    for number in range(50):
        await people.acted(ADA, (N, SessionId(f"s{number % 5}")), number)
    await people.close()
    assert await marks(store.personal, ADA) == {f"n/s{number}": 45 + number for number in range(5)}


def test_an_allowance_is_spent_and_comes_back() -> None:
    time_s = [0.0]
    allowance = Allowance(3, 2, lambda: time_s[0])
    allowance.take(3)
    with pytest.raises(WireError, match="too fast") as refused:
        allowance.take(1)
    assert refused.value.data.retry_after_s == pytest.approx(0.55, abs=0.06)
    time_s[0] = 0.5
    allowance.take(1)
    with pytest.raises(WireError):
        allowance.take(0.5)
