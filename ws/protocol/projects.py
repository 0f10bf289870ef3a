"""Projects: folders with sessions, repositories under the roots, pinned ones."""

from ws.protocol.base import AbsolutePath, NodeKey, Struct, Timestamp


class ProjectsListParams(Struct, frozen=True, kw_only=True):
    node: NodeKey


class Project(Struct, frozen=True, kw_only=True):
    """`sessions` counts those that are not archived; `last_used` is absent for one that never had a session."""

    path: str
    name: str
    sessions: int
    pinned: bool
    last_used: Timestamp | None
    git_branch: str | None = None


class ProjectsListResult(Struct, frozen=True, kw_only=True):
    projects: list[Project]


class ProjectPinParams(Struct, frozen=True, kw_only=True):
    node: NodeKey
    path: AbsolutePath
    pinned: bool
