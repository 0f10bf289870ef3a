"""The operations of `projects.*`, by name."""

from node.context import HandlerMap
from node.projects.service import ProjectsService


def handlers(service: ProjectsService) -> HandlerMap:
    """What the dispatcher calls."""
    return {
        "projects.list": lambda caller, params: service.list(params),
        "projects.pin": lambda caller, params: service.pin(params),
    }
