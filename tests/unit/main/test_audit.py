"""The audit trail: what its rows say, how they are chosen, and how nobody pushes out what others must see."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from main.relay.subjects import subject_of
from main.store import Store, open_store
from main.store.audit import Audit
from ws.protocol.accounts import AuditListParams
from ws.protocol.errors import WireError
from ws.protocol.files import FilesDeleteParams, FilesMoveParams, FilesWriteParams
from ws.protocol.sessions import SessionAnswerParams, SessionSendParams, SessionUpdateParams


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(tmp_path / "main.db")
    yield opened
    await opened.close()


async def actions(audit: Audit, params: AuditListParams | None = None) -> list[str]:
    return [row.action for row in (await audit.page(params or AuditListParams())).rows]


async def test_rows_are_chosen_by_who_node_and_action_or_its_beginning(store: Store) -> None:
    audit = store.audit
    await audit.add("login", who="ada", address="::1")
    await audit.add("user.created", who="ada", address="::1", subject="eve: member; no machine")
    await audit.add("user.removed", who="bob", address="::1", subject="eve")
    await audit.add("terminal.opened", who="ada", address="::1", node="laptop")
    assert await actions(audit, AuditListParams(who="ada")) == ["terminal.opened", "user.created", "login"]
    assert await actions(audit, AuditListParams(action="user.")) == ["user.removed", "user.created"]
    assert await actions(audit, AuditListParams(action="user.", who="bob")) == ["user.removed"]
    assert await actions(audit, AuditListParams(action="user")) == []
    assert await actions(audit, AuditListParams(action="%.")) == []
    assert await actions(audit, AuditListParams(node="laptop")) == ["terminal.opened"]


async def test_pages_go_on_where_the_last_one_ended_also_through_a_filter(store: Store) -> None:
    for number in range(5):
        await store.audit.add("login", who="ada", address="::1", subject=str(number))
        await store.audit.add("logout", who="ada", address="::1")
    subjects: list[str | None] = []
    params = AuditListParams(limit=2, action="login")
    while True:
        page = await store.audit.page(params)
        subjects += [row.subject for row in page.rows]
        if page.next_cursor is None:
            break
        params = AuditListParams(limit=2, action="login", cursor=page.next_cursor)
    assert subjects == ["4", "3", "2", "1", "0"]
    with pytest.raises(WireError):
        await store.audit.page(AuditListParams(cursor="-1"))


async def test_a_user_called_like_a_node_is_told_apart(store: Store) -> None:
    await store.audit.add("node.joined", who="laptop", address="::1", node="laptop")
    await store.audit.add("node.renamed", who="laptop", kind="user", address="::1", node="laptop")
    await store.audit.add("node.removed", who="ada (token ci)", kind="token", address="::1", node="laptop")
    rows = (await store.audit.page(AuditListParams())).rows
    assert [row.kind for row in rows] == ["token", "user", "node"]


async def test_each_shelf_is_bounded_by_itself(store: Store) -> None:
    """A thousand writes or failed sign-ins later, who was let in a long time ago still stands there."""
    audit = Audit(store.database, max_rows=3)
    await audit.add("user.created", who="ada", address="::1")
    for _ in range(10):
        await audit.add("file.written", who="eve", address="::1")
        await audit.add("login.failed", who="", kind="unknown", address="::1", outcome="unauthorized")
        await audit.add("user.created", who="eve", address="::1", outcome="forbidden")
    await audit.prune()
    kept = await actions(audit)
    assert kept.count("file.written") == 3
    assert len(kept) == 7
    assert kept[-1] == "user.created"


async def test_rows_older_than_the_bound_go_by_themselves(store: Store) -> None:
    await store.audit.add("login", who="ada", address="::1")
    await store.database.execute("UPDATE audit SET ts = '2001-01-01T00:00:00.000Z'")
    await Audit(store.database).add("logout", who="ada", address="::1")
    assert await actions(store.audit) == ["logout"]


def test_a_subject_names_what_was_acted_on_and_never_its_content() -> None:
    assert subject_of(SessionUpdateParams(node="n", session="s1", mode="bypassPermissions")) == (
        "s1 mode bypassPermissions"
    )
    assert subject_of(SessionAnswerParams(node="n", session="s1", approval="a1", option="allow_always")) == (
        "s1 approval a1 option allow_always"
    )
    assert subject_of(FilesWriteParams(node="n", path="/w/x", content="the secret")) == "/w/x"
    assert subject_of(FilesMoveParams(node="n", path="/w/x", to="/w/y")) == "/w/x to /w/y"
    assert subject_of(FilesDeleteParams(node="n", path_bytes=b"/w/\xff", permanent=True)) == "/w/\ufffd permanent"
    assert subject_of(SessionSendParams(node="n", session="s1", message_id="m", text="the secret")) == "s1"
    assert subject_of(None) is None
