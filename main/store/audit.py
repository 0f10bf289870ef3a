"""The audit trail: appended, never changed. Rows hold who, from where, what, on which node; no content, no secret."""

from main.store.database import Database
from ws.protocol.accounts import AuditListResult, AuditRow
from ws.protocol.base import now
from ws.protocol.errors import ErrorCode, FieldError, WireError

MAX_TEXT_CHARS = 256
"""Names and subjects come from outside; longer ones are cut."""


class Audit:
    """The table of audit rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        action: str,
        *,
        who: str,
        address: str,
        outcome: str = "ok",
        node: str | None = None,
        subject: str | None = None,
    ) -> None:
        """Note one act. `outcome` is ok or an error code; `subject` what was acted on: an id, a path, a name."""
        cut = None if subject is None else subject[:MAX_TEXT_CHARS]
        await self._database.execute(
            "INSERT INTO audit (ts, who, address, action, node, subject, outcome) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (now(), who[:MAX_TEXT_CHARS], address, action, node, cut, outcome),
        )

    async def page(self, limit: int, cursor: str | None) -> AuditListResult:
        """Newest first; `cursor` is the id before which the page begins."""
        before = _row_id(cursor)
        rows = await self._database.read(
            "SELECT * FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?", (before, limit + 1)
        )
        shown = [AuditRow(**dict(row)) for row in rows[:limit]]
        return AuditListResult(rows=shown, next_cursor=str(shown[-1].id) if len(rows) > limit else None)


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
