"""THE table: every operation with its types, place, scope and deadline.

Dispatch, authorisation, deadlines, the HTTP face, OpenAPI, the TypeScript types, docs/PROTOCOL.md and the fuzz tests
derive from it. An op that is not here does not exist: it is refused, never forwarded.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import UnionType
from typing import Literal

from ws.protocol import accounts, files, git, link, nodes, projects, providers, sessions, terminals
from ws.protocol.base import Struct
from ws.protocol.events import WatchEvent


class Place(StrEnum):
    """Where an op runs.

    `NODE` ops carry `node` and are forwarded to it. `EACH` ops run on Main, which asks the node named, or every online
    node, under the same name, and answers for the offline ones from its cache. `LINK` ops never come from a browser.
    """

    MAIN = "main"
    NODE = "node"
    EACH = "each"
    LINK = "link"


class Scope(StrEnum):
    """What a caller needs. viewer: read. member: read, write, terminal. owner: all."""

    READ = "read"
    WRITE = "write"
    TERMINAL = "terminal"
    OWNER = "owner"


@dataclass(frozen=True, kw_only=True)
class Op:
    """One row. `events` makes it a subscription. `idempotent` ops may be sent again after a timeout.

    `is_read_only` ones change nothing and are reachable by GET too. `deadline_s` bounds the wait for the result, not
    the life of a subscription. `audit` names the audit row.
    """

    name: str
    summary: str
    params: type[Struct]
    result: type[Struct]
    place: Place
    scope: Scope
    events: type | UnionType | None = None
    deadline_s: float = 10.0
    idempotent: bool = False
    is_read_only: bool = False
    audit: str | None = None

    @property
    def is_subscription(self) -> bool:
        return self.events is not None


def _read(
    name: str,
    params: type[Struct],
    result: type[Struct],
    summary: str,
    *,
    place: Place = Place.NODE,
    events: type | UnionType | None = None,
    deadline_s: float = 10.0,
    scope: Scope = Scope.READ,
) -> Op:
    return Op(
        name=name,
        summary=summary,
        params=params,
        result=result,
        place=place,
        scope=scope,
        events=events,
        deadline_s=deadline_s,
        idempotent=True,
        is_read_only=True,
    )


def _act(
    name: str,
    params: type[Struct],
    result: type[Struct],
    summary: str,
    *,
    place: Place = Place.NODE,
    scope: Scope = Scope.WRITE,
    deadline_s: float = 10.0,
    idempotent: bool = False,
    audit: str | None = None,
) -> Op:
    return Op(
        name=name,
        summary=summary,
        params=params,
        result=result,
        place=place,
        scope=scope,
        deadline_s=deadline_s,
        idempotent=idempotent,
        audit=audit,
    )


_AGENT_START_S = 60.0
"""An agent CLI may take seconds to start on a busy machine."""

_NODES = (
    _read(
        "nodes.list", nodes.NodesParams, nodes.NodesListResult, "Every node that the caller may see.", place=Place.MAIN
    ),
    _read(
        "nodes.watch",
        nodes.NodesParams,
        nodes.NodesListResult,
        "The nodes, then each change.",
        place=Place.MAIN,
        events=nodes.NodeEvent,
    ),
    _act(
        "nodes.rename",
        nodes.NodeRenameParams,
        nodes.NodeResult,
        "Give a node another name.",
        place=Place.MAIN,
        scope=Scope.OWNER,
        idempotent=True,
        audit="node.renamed",
    ),
    _act(
        "nodes.remove",
        nodes.NodeParams,
        nodes.Empty,
        "Revoke a node's identity and close its link; its journals stay on it.",
        place=Place.MAIN,
        scope=Scope.OWNER,
        audit="node.removed",
    ),
    _read(
        "nodes.join",
        nodes.NodesParams,
        nodes.JoinInfo,
        "What another machine needs to join.",
        place=Place.MAIN,
        scope=Scope.OWNER,
    ),
)

_WORKSPACE = (
    _read(
        "providers.list",
        providers.ProvidersListParams,
        providers.ProvidersListResult,
        "The agents of a node and what they can do.",
    ),
    _read("projects.list", projects.ProjectsListParams, projects.ProjectsListResult, "The projects of a node."),
    _act("projects.pin", projects.ProjectPinParams, nodes.Empty, "Keep a folder in the list.", idempotent=True),
    _read("files.list", files.FilesListParams, files.FilesListResult, "One page of a directory."),
    _read("files.stat", files.FileParams, files.FilesStatResult, "What a path is."),
    _read("files.read", files.FileParams, files.FilesReadResult, "The text of a file."),
    _act(
        "files.write",
        files.FilesWriteParams,
        files.FilesWriteResult,
        "Write a text file atomically.",
        audit="file.written",
        deadline_s=30.0,
    ),
    _read(
        "git.status",
        git.GitStatusParams,
        git.GitStatusResult,
        "State of the repository around a path.",
        deadline_s=30.0,
    ),
    _read("git.diff", git.GitDiffParams, git.GitDiffResult, "Differences by file and hunk.", deadline_s=30.0),
)

_TERMINALS = (
    _act(
        "terminal.open",
        terminals.TerminalOpenParams,
        terminals.TerminalOpenResult,
        "Start a shell or a program in a folder.",
        scope=Scope.TERMINAL,
        audit="terminal.opened",
    ),
    _read(
        "terminal.list",
        terminals.TerminalListParams,
        terminals.TerminalListResult,
        "The terminals of a node.",
    ),
    _act(
        "terminal.close",
        terminals.TerminalParams,
        nodes.Empty,
        "End a terminal's program and forget it.",
        scope=Scope.TERMINAL,
        audit="terminal.closed",
    ),
    _act(
        "terminal.rename",
        terminals.TerminalRenameParams,
        terminals.TerminalResult,
        "Give a terminal another name.",
        scope=Scope.TERMINAL,
        idempotent=True,
    ),
)

_SESSIONS = (
    _act(
        "session.create",
        sessions.SessionCreateParams,
        sessions.SessionResult,
        "Begin a session in a folder with an agent.",
        deadline_s=_AGENT_START_S,
        audit="session.created",
    ),
    _read(
        "session.list",
        sessions.SessionListParams,
        sessions.SessionListResult,
        "Sessions of one node or of all; those of offline nodes from Main's cache.",
        place=Place.EACH,
    ),
    _read(
        "session.list_watch",
        sessions.SessionListParams,
        sessions.SessionListResult,
        "The list, then each change.",
        place=Place.MAIN,
        events=sessions.SessionListEvent,
    ),
    _read("session.get", sessions.SessionParams, sessions.SessionState, "The state of a session at its head."),
    _act(
        "session.update",
        sessions.SessionUpdateParams,
        sessions.SessionResult,
        "Change title, model, effort, mode or archive it.",
        deadline_s=_AGENT_START_S,
        idempotent=True,
        audit="session.updated",
    ),
    _act(
        "session.delete",
        sessions.SessionParams,
        nodes.Empty,
        "Delete a session and its journal; the agent's own transcript stays.",
        audit="session.deleted",
    ),
    _act(
        "session.send",
        sessions.SessionSendParams,
        sessions.SessionSendResult,
        "Send a prompt; it is in the journal when the answer comes. Sending a message_id again changes nothing.",
        idempotent=True,
    ),
    _act(
        "session.queue",
        sessions.SessionQueueParams,
        sessions.SessionQueueResult,
        "List, edit, move, drop or release queued prompts.",
    ),
    _act(
        "session.interrupt",
        sessions.SessionInterruptParams,
        sessions.SessionInterruptResult,
        "End the running turn.",
        idempotent=True,
    ),
    _act(
        "session.answer",
        sessions.SessionAnswerParams,
        sessions.SessionAnswerResult,
        "Answer an approval; the first answer wins.",
        audit="approval.answered",
    ),
    _read("session.events", sessions.SessionEventsParams, sessions.SessionEventsResult, "A page of the journal."),
    _read(
        "session.watch",
        sessions.SessionWatchParams,
        sessions.SessionWatchResult,
        "Every event after a cursor in order exactly once, then live ones.",
        events=WatchEvent,
    ),
    _read(
        "inbox.watch",
        nodes.NodesParams,
        sessions.InboxResult,
        "Pending approvals of all nodes, then changes and ended turns.",
        place=Place.MAIN,
        events=sessions.InboxEvent,
    ),
)

_ACCOUNTS = (
    _read(
        "logins.list", nodes.NodesParams, accounts.LoginsListResult, "The caller's signed-in devices.", place=Place.MAIN
    ),
    _act(
        "logins.revoke",
        accounts.LoginRevokeParams,
        nodes.Empty,
        "End one of the caller's logins and its sockets.",
        place=Place.MAIN,
        scope=Scope.READ,
        audit="login.revoked",
    ),
    _act(
        "users.change_password",
        accounts.PasswordChangeParams,
        nodes.Empty,
        "Change one's own password; other logins end.",
        place=Place.MAIN,
        scope=Scope.READ,
        audit="password.changed",
    ),
    _read(
        "audit.list",
        accounts.AuditListParams,
        accounts.AuditListResult,
        "Who did what, newest first.",
        place=Place.MAIN,
        scope=Scope.OWNER,
    ),
)

_LINK = (
    _act("link.hello", link.HelloParams, link.HelloResult, "Handshake, node to Main.", place=Place.LINK),
    _read("link.probe", link.ProbeParams, link.ProbeResult, "Sign of life through the link.", place=Place.LINK),
    _act("link.stream", link.StreamParams, link.StreamResult, "Dial a byte stream back.", place=Place.LINK),
    _act("link.stream_revoke", link.StreamRevokeParams, nodes.Empty, "Close a stream: access ended.", place=Place.LINK),
    _read(
        "link.sessions",
        nodes.NodesParams,
        link.LinkSessionsResult,
        "Every session of the node, then changes.",
        place=Place.LINK,
        events=link.LinkSessionEvent,
    ),
    _read(
        "link.inbox",
        nodes.NodesParams,
        sessions.InboxResult,
        "Pending approvals of the node, then changes and ended turns.",
        place=Place.LINK,
        events=sessions.InboxEvent,
    ),
)

OPS: dict[str, Op] = {op.name: op for op in (*_NODES, *_WORKSPACE, *_TERMINALS, *_SESSIONS, *_ACCOUNTS, *_LINK)}
"""By name, in the order of the documentation."""

ROLE_SCOPES: dict[Literal["owner", "member", "viewer"], frozenset[Scope]] = {
    "owner": frozenset(Scope),
    "member": frozenset({Scope.READ, Scope.WRITE, Scope.TERMINAL}),
    "viewer": frozenset({Scope.READ}),
}
