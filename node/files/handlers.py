"""The operations of `files.*`, by name."""

from node.context import HandlerMap
from node.files.service import FilesService


def handlers(service: FilesService) -> HandlerMap:
    """What the dispatcher calls."""
    return {
        "files.list": lambda caller, params: service.list(params),
        "files.stat": lambda caller, params: service.stat(params),
        "files.read": lambda caller, params: service.read(params),
        "files.write": lambda caller, params: service.write(params),
    }
