"""The audit trail: appended, never changed. Rows hold who, from where, what, on which node; no content, no secret."""

import time
from datetime import UTC, datetime

from main.store.database import Database
from ws.protocol.accounts import AuditListParams, AuditListResult, AuditRow, WhoKind
from ws.protocol.base import now
from ws.protocol.errors import ErrorCode, FieldError, WireError

MAX_TEXT_CHARS = 256
"""Names and subjects come from outside; longer ones are cut."""

MAX_ROWS = 100_000
"""Of each shelf; then its oldest go."""

MAX_AGE_S = 400 * 86400
"""Older rows go: a little more than a year, so that last year can be compared."""

PRUNE_AFTER_ROWS = 1000
"""So many rows are added between two looks at the bounds."""

ACCESS, WORK, REFUSED = range(3)
"""Shelves: who may come in and do what; what was done; what was refused. Each has its own bound, because anybody
can fill the last one and every member the second, and neither may push out who was given access.
"""

UNFINISHED = "unfinished"
"""Outcome of an act whose caller went away before the answer: nobody knows whether it was done."""

_DONE_PERHAPS = ("ok", UNFINISHED, ErrorCode.TIMEOUT, ErrorCode.NODE_OFFLINE, ErrorCode.INTERNAL)
"""What is no refusal, so that nobody can have what they did pushed out by failing afterwards."""

_ACCESS_ACTIONS = ("login", "logout", "user.", "password.", "token.", "node.")


def _shelf(action: str, outcome: str) -> int:
    if outcome not in _DONE_PERHAPS:
        return REFUSED
    return ACCESS if action.startswith(_ACCESS_ACTIONS) else WORK


class Audit:
    """The table of audit rows."""

    def __init__(self, database: Database, max_rows: int = MAX_ROWS) -> None:
        self._database = database
        self._max_rows = max_rows
        self._until_pruned = 1

    async def add(
        self,
        action: str,
        *,
        who: str,
        address: str,
        outcome: str = "ok",
        node: str | None = None,
        subject: str | None = None,
        kind: WhoKind | None = None,
    ) -> None:
        """Note one act. `outcome` is ok or an error code; `subject` what was acted on: an id, a path, a name.

        `kind` says what `who` names; when it is not given, acts of nodes are those called `node.…`.
        """
        cut = None if subject is None else subject[:MAX_TEXT_CHARS]
        named = kind or ("node" if action.startswith("node.") else "user")
        row = (now(), who[:MAX_TEXT_CHARS], named, address, action, node, cut, outcome, _shelf(action, outcome))
        await self._database.execute(
            "INSERT INTO audit (ts, who, kind, address, action, node, subject, outcome, shelf)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        self._until_pruned -= 1
        if self._until_pruned <= 0:
            self._until_pruned = PRUNE_AFTER_ROWS
            await self.prune()

    async def prune(self) -> None:
        """Let the oldest rows go, by age and by the bound of each shelf."""
        oldest = datetime.fromtimestamp(time.time() - MAX_AGE_S, UTC).isoformat(timespec="milliseconds")
        await self._database.execute("DELETE FROM audit WHERE ts < ?", (oldest.replace("+00:00", "Z"),))
        for shelf in (ACCESS, WORK, REFUSED):
            await self._database.execute(
                "DELETE FROM audit WHERE shelf = ?1 AND id <="
                " (SELECT id FROM audit WHERE shelf = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                (shelf, self._max_rows),
            )

    async def count(self) -> int:
        """How many rows there are."""
        row = await self._database.read_one("SELECT count(*) AS rows FROM audit")
        return 0 if row is None else int(row["rows"])

    async def page(self, params: AuditListParams) -> AuditListResult:
        """Newest first; `cursor` is the id before which the page begins. Raises WireError `invalid`."""
        begins = params.action is not None and params.action.endswith(".")
        rows = await self._database.read(
            "SELECT id, ts, who, kind, address, action, node, subject, outcome FROM audit WHERE id < ?1"
            " AND (?2 IS NULL OR who = ?2) AND (?3 IS NULL OR node = ?3)"
            " AND (?4 IS NULL OR CASE WHEN ?5 THEN substr(action, 1, length(?4)) = ?4 ELSE action = ?4 END)"
            " ORDER BY id DESC LIMIT ?6",
            (_row_id(params.cursor), params.who, params.node, params.action, begins, params.limit + 1),
        )
        shown = [AuditRow(**dict(row)) for row in rows[: params.limit]]
        return AuditListResult(rows=shown, next_cursor=str(shown[-1].id) if len(rows) > params.limit else None)


def _row_id(cursor: str | None) -> int:
    if cursor is None:
        return 2**63 - 1
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise WireError(
            ErrorCode.INVALID,
            "This cursor is not from an earlier page.",
            errors=[FieldError(path="params.cursor", message="take it from next_cursor")],
        )
    return int(cursor)
