"""Rows of files.*."""

from ws.protocol import files
from ws.protocol.op import act, read

_TREE_S = 300.0
"""A folder with all that is in it may be large."""

FILES = (
    read("files.list", files.FilesListParams, files.FilesListResult, "One page of a directory."),
    read("files.stat", files.FileParams, files.FilesStatResult, "What a path is."),
    read("files.read", files.FileParams, files.FilesReadResult, "The text of a file.", tells_address=True),
    act(
        "files.write",
        files.FilesWriteParams,
        files.FilesWriteResult,
        "Write a text file atomically.",
        audit="file.written",
        deadline_s=30.0,
    ),
    act(
        "files.partial",
        files.FilesPartialParams,
        files.FilesPartialResult,
        "How much has come of an upload that broke off, so that it goes on from there.",
        deadline_s=15.0,
        idempotent=True,
    ),
    act(
        "files.mkdir",
        files.FilesMakeParams,
        files.FilesPlaceResult,
        "Make a folder.",
        audit="folder.made",
    ),
    act(
        "files.move",
        files.FilesMoveParams,
        files.FilesPlaceResult,
        "Move or rename a file or a folder.",
        audit="file.moved",
        deadline_s=_TREE_S,
    ),
    act(
        "files.copy",
        files.FilesMoveParams,
        files.FilesPlaceResult,
        "Copy a file or a folder.",
        audit="file.copied",
        deadline_s=_TREE_S,
    ),
    act(
        "files.delete",
        files.FilesDeleteParams,
        files.FilesDeleteResult,
        "Move to the trash, or delete for good.",
        audit="file.deleted",
        deadline_s=_TREE_S,
    ),
    act(
        "files.restore",
        files.FilesRestoreParams,
        files.FilesPlaceResult,
        "Bring back what files.delete moved to the trash.",
        audit="file.restored",
        deadline_s=_TREE_S,
    ),
    read(
        "files.find",
        files.FilesFindParams,
        files.FilesSearchResult,
        "Files by name, as they are found; what Git ignores is left out.",
        events=files.FilesFindEvent,
    ),
    read(
        "files.grep",
        files.FilesGrepParams,
        files.FilesSearchResult,
        "Lines by content, as they are found; what Git ignores is left out.",
        events=files.FilesGrepEvent,
    ),
    read(
        "files.watch",
        files.FilesWatchParams,
        files.FilesWatchResult,
        "What changes in a folder.",
        events=files.FilesWatchEvent,
    ),
)
