"""The operations of `git.*`, by name."""

from node.context import HandlerMap
from node.git.service import GitService


def handlers(service: GitService) -> HandlerMap:
    """What the dispatcher calls."""
    return {
        "git.status": lambda caller, params: service.status(params),
        "git.diff": lambda caller, params: service.diff(params),
    }
