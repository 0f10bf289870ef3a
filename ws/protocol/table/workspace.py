"""Rows of providers.* and projects.*."""

from ws.protocol import nodes, projects, providers
from ws.protocol.op import act, read

WORKSPACE = (
    read(
        "providers.list",
        providers.ProvidersListParams,
        providers.ProvidersListResult,
        "The agents of a node and what they can do.",
    ),
    read("projects.list", projects.ProjectsListParams, projects.ProjectsListResult, "The projects of a node."),
    act("projects.pin", projects.ProjectPinParams, nodes.Empty, "Keep a folder in the list.", idempotent=True),
)
