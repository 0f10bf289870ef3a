"""THE table: every operation with its types, place, scope and deadline.

Dispatch, authorisation, deadlines, the HTTP face, OpenAPI, the TypeScript types, docs/PROTOCOL.md and the fuzz tests
derive from it. An op that is not here does not exist: it is refused, never forwarded.
"""

from ws.protocol.op import ROLE_SCOPES, Op, Place, Scope
from ws.protocol.table.accounts import ACCOUNTS
from ws.protocol.table.files import FILES
from ws.protocol.table.git import GIT
from ws.protocol.table.link import LINK
from ws.protocol.table.nodes import NODES
from ws.protocol.table.personal import PERSONAL
from ws.protocol.table.sessions import SESSIONS
from ws.protocol.table.terminals import TERMINALS
from ws.protocol.table.workspace import WORKSPACE

__all__ = ["OPS", "ROLE_SCOPES", "Op", "Place", "Scope"]

_ROWS = (*NODES, *WORKSPACE, *FILES, *GIT, *TERMINALS, *SESSIONS, *PERSONAL, *ACCOUNTS, *LINK)

OPS: dict[str, Op] = {op.name: op for op in _ROWS}
"""By name, in the order of the documentation."""
