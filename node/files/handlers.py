"""The operations of `files.*`, by name."""

from node.context import HandlerMap
from node.files.acts import FileActs
from node.files.search.service import SearchService
from node.files.service import FilesService
from node.files.watching import FolderWatcher


def handlers(service: FilesService, acts: FileActs, search: SearchService, watcher: FolderWatcher) -> HandlerMap:
    """What the dispatcher calls."""
    return {
        "files.list": lambda caller, params: service.list(params),
        "files.stat": lambda caller, params: service.stat(params),
        "files.read": lambda caller, params: service.read(params),
        "files.write": lambda caller, params: service.write(params),
        "files.mkdir": lambda caller, params: acts.make(params),
        "files.move": lambda caller, params: acts.move(params),
        "files.copy": lambda caller, params: acts.copy(params),
        "files.delete": lambda caller, params: acts.delete(params),
        "files.restore": lambda caller, params: acts.restore(params),
        "files.find": lambda caller, params: search.find(params),
        "files.grep": lambda caller, params: search.grep(params),
        "files.watch": lambda caller, params: watcher.watch(params),
    }
