"""The operations of `git.*`, by name."""

from node.context import HandlerMap
from node.git.service import GitService


def handlers(service: GitService) -> HandlerMap:
    """What the dispatcher calls."""
    return {
        "git.status": lambda _, params: service.status(params),
        "git.diff": lambda _, params: service.diff(params),
        "git.log": lambda _, params: service.log(params),
        "git.show": lambda _, params: service.show(params),
        "git.branches": lambda _, params: service.branches(params),
        "git.watch": lambda _, params: service.watch(params),
        "git.checkout": lambda _, params: service.checkout(params),
        "git.create_branch": lambda _, params: service.create_branch(params),
        "git.delete_branch": lambda _, params: service.delete_branch(params),
        "git.stage": lambda _, params: service.stage(params),
        "git.unstage": lambda _, params: service.unstage(params),
        "git.discard": lambda _, params: service.discard(params),
        "git.abort": lambda _, params: service.abort(params),
        "git.commit": lambda _, params: service.commit(params),
        "git.fetch": lambda _, params: service.fetch(params),
        "git.pull": lambda _, params: service.pull(params),
        "git.push": lambda _, params: service.push(params),
        "git.cancel": lambda _, params: service.cancel(params),
    }
