"""Every string parameter of the operations on files, Git and projects gets what a shell, Git or a path would act on.

The answer is a result or an error of the closed list; nothing is made, changed or started outside the root.
"""

import asyncio
import base64
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil
import pytest

from node.context import Handler, Subscribed
from node.files.acts import FileActs
from node.files.guard import PathGuard
from node.files.handlers import handlers as file_handlers
from node.files.placing import Placer
from node.files.pool import FilePool
from node.files.search.ripgrep import Ripgrep
from node.files.search.service import SearchService
from node.files.service import FilesService
from node.files.temporaries import Sweeper
from node.files.transfers import TransferServer
from node.files.trash import Trash
from node.files.watching import FolderWatcher
from node.git.handlers import handlers as git_handlers
from node.git.ignored import IgnoredFiles
from node.git.runner import GitRunner
from node.git.service import GitService
from node.projects.handlers import handlers as project_handlers
from node.projects.service import ProjectsService, SessionFolder
from tests.support.repositories import TestRepository
from ws.protocol.base import LoginId, UserId
from ws.protocol.envelope import Caller
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.ops import OPS, Place
from ws.streams import RawSocket
from ws.tasks import TaskOwner

CALLER = Caller(user=UserId("u"), login=LoginId("l"), role="owner")
PREFIXES = ("files.", "git.", "projects.")
ALLOWED = {
    ErrorCode.INVALID,
    ErrorCode.FORBIDDEN,
    ErrorCode.NOT_FOUND,
    ErrorCode.CONFLICT,
    ErrorCode.PRECONDITION_FAILED,
    ErrorCode.UNSUPPORTED,
}
ATTACKS = [
    '"; id #',
    "$(touch {mark})",
    "`touch {mark}`",
    "; touch {mark} ;",
    "| touch {mark}",
    "&& touch {mark}",
    "x\ntouch {mark}\n",
    "nul\0touch {mark}",
    "../../etc/passwd",
    "../outside/made",
    "../" * 30 + "etc/passwd",
    "-rf",
    "--output={mark}",
    "--upload-pack=touch {mark}",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..\\..\\etc\\passwd",
    "~root/.ssh/id",
    "${{IFS}}",
    "%s%n%x{{0.__class__}}",
    "a" * 255,
    "a" * 256,
    "a/" * 2000,
    "\u202e\u0000\u200b",
    "'\"<img src=x onerror=alert(1)>",
    "/proc/self/environ",
    "/dev/stdin",
    "file:///etc/passwd",
    "",
    ".",
    "..",
    "/",
]

TRASHED = base64.b64encode(b"\0t").decode("ascii")
"""The id of what lies in the trash of the room."""


async def encode_whole(op: str, answer: object) -> None:
    """A result, or that of a subscription with its events, unless they go on until the reader goes."""
    if not isinstance(answer, Subscribed):
        msgspec.json.encode(answer)
        return
    msgspec.json.encode(answer.result)
    if op in {"files.find", "files.grep"}:
        async for event in answer.events:
            msgspec.json.encode(event)
    await answer.events.aclose()  # type: ignore[attr-defined]


class NoPins:
    """A store that remembers what it was told to pin."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def list(self) -> list[str]:
        return self.paths

    async def add(self, path: str) -> None:
        self.paths.append(path)

    async def remove(self, path: str) -> None:
        self.paths = [each for each in self.paths if each != path]


@dataclass
class Room:
    """A root with a repository, a folder beside it, and every handler over them."""

    root: Path
    outside: Path
    handlers: Mapping[str, Handler]
    pins: NoPins

    def traces(self) -> dict[str, tuple[int, int]]:
        """Everything outside the root."""
        return {
            str(each): (each.lstat().st_size, each.lstat().st_mtime_ns)
            for each in self.outside.parent.rglob("*")
            if not each.is_relative_to(self.root) and each != self.root
        }

    async def call(self, op: str, params: dict[str, object]) -> ErrorCode | None:
        """As the dispatcher does it: decode by the table, handle, encode."""
        raw = msgspec.json.encode(params)
        try:
            decoded = msgspec.json.decode(raw, type=OPS[op].params)
        except msgspec.ValidationError:
            return ErrorCode.INVALID
        try:
            async with asyncio.timeout(10):
                await encode_whole(op, await self.handlers[op](CALLER, decoded))
        except WireError as error:
            refusal = error
        else:
            return None
        assert not set(refusal.detail) & {"\n", "\0"}
        assert len(refusal.detail) < 1000
        return refusal.code


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("the secret outside")
    root.mkdir()
    repository = TestRepository.make(root)
    repository.commit(f="1\n")
    repository.git("branch", "other")
    repository.git("config", "user.name", "T")
    repository.git("config", "user.email", "t@example.org")
    repository.git("clone", "-q", "--bare", str(repository.path), str(root / "remote.git"))
    repository.git("remote", "add", "origin", str(root / "remote.git"))
    repository.git("fetch", "-q")
    repository.git("branch", "-q", "--set-upstream-to=origin/main")
    repository.write("f", "2\n")
    pool, pins, tasks = FilePool(), NoPins(), TaskOwner("projects")
    guard = PathGuard([root], pool)
    ignored = IgnoredFiles(GitRunner(repository.environ), guard.resolve_directory)
    watcher = FolderWatcher(guard, pool, ignored.among)

    async def no_folders() -> list[SessionFolder]:
        return []

    async def no_dial(_: str) -> RawSocket:
        raise AssertionError("no content travels here")

    projects = ProjectsService(
        roots=[root],
        session_folders=no_folders,
        pinned=pins,
        resolve_directory=guard.resolve_directory,
        tasks=tasks,
    )
    transfers = TransferServer(
        guard, pool, no_dial, max_read_bytes=4096, commit_lock=threading.Lock(), sweeper=Sweeper()
    )
    handlers = {
        **file_handlers(
            FilesService(guard, pool, max_read_bytes=4096),
            FileActs(Placer(guard, Trash(root / "trash"), Sweeper()), pool),
            SearchService(guard, pool, Ripgrep(repository.environ)),
            watcher,
        ),
        **git_handlers(GitService(GitRunner(repository.environ), guard.resolve_directory)),
        **project_handlers(projects),
        "files.partial": transfers.partial,
    }
    for part in ("files", "info"):
        (root / "trash" / part).mkdir(parents=True)
    (root / "trash/files/t").write_text("deleted before")
    (root / "trash/info/t.trashinfo").write_text(f"[Trash Info]\nPath={repository.path}/t\n")
    yield Room(root, outside, handlers, pins)
    watcher.close()
    pool.close()


def sound_params(room: Room, op: str) -> dict[str, object]:
    """Parameters with which the operation succeeds."""
    repository = room.root / "repository"
    path = repository if op.startswith("git.") or op in {"files.list", "projects.pin"} else repository / "f"
    more: dict[str, dict[str, object]] = {
        "files.write": {"content": "2\n", "create": True},
        "files.mkdir": {"path": str(repository / "new")},
        "files.move": {"to": str(repository / "moved")},
        "files.copy": {"to": str(repository / "copied")},
        "files.partial": {"upload": "u" * 16},
        "files.watch": {"path": str(repository), "recursive": True},
        "files.find": {"path": str(repository), "query": "f"},
        "files.grep": {"path": str(repository), "query": "2"},
        "files.restore": {"trash": TRASHED},
        "git.diff": {"base": "HEAD", "file": "f"},
        "git.log": {"ref": "HEAD", "file": "f"},
        "git.show": {"ref": "HEAD", "file": "f"},
        "git.checkout": {"branch": "made", "create": True, "start": "other"},
        "git.create_branch": {"branch": "made", "start": "other"},
        "git.delete_branch": {"branch": "other"},
        "git.stage": {"files": ["f"]},
        "git.unstage": {"files": ["f"]},
        "git.discard": {"files": ["f"]},
        "git.commit": {"message": "m", "all": True},
        "git.fetch": {"remote": "origin"},
        "git.push": {"remote": "origin"},
        "projects.pin": {"pinned": True},
    }
    whole = {"node": "n", "path": str(path)} | more.get(op, {})
    return {name: value for name, value in whole.items() if name in fields(op)}


def fields(op: str) -> list[str]:
    return [field.name for field in msgspec.structs.fields(OPS[op].params)]


def strings(op: str) -> list[str]:
    """Fields that take a string and mean something to the node."""
    return [
        field.name
        for field in msgspec.structs.fields(OPS[op].params)
        if field.name not in {"node", "content"} and "str" in str(field.type)
    ]


def is_list(op: str, name: str) -> bool:
    """A list of strings."""
    return any(field.name == name and "list" in str(field.type) for field in msgspec.structs.fields(OPS[op].params))


MINE = sorted(
    name for name, op in OPS.items() if op.place is Place.NODE and op.unsupported is None and name.startswith(PREFIXES)
)
NOTHING_UNDER_WAY = {"git.abort", "git.cancel"}
"""What there is to end does not exist in the room."""
PAIRS = [(op, name) for op in MINE for name in strings(op)]


def test_the_handlers_answer_exactly_the_operations_of_the_table(room: Room) -> None:
    assert sorted(room.handlers) == MINE
    assert len(PAIRS) >= 10


@pytest.mark.parametrize("op", MINE)
async def test_sound_parameters_succeed(room: Room, op: str) -> None:
    expected = ErrorCode.CONFLICT if op in NOTHING_UNDER_WAY else None
    assert await room.call(op, sound_params(room, op)) is expected


@pytest.mark.parametrize(("op", "name"), PAIRS)
async def test_no_string_does_anything_but_name(room: Room, op: str, name: str) -> None:
    mark = room.outside / "mark"
    before = room.traces()
    for attack in ATTACKS:
        text = attack.format(mark=mark)
        variants = [text, f"{room.root}/{text}", f"{room.root}/repository/{text}"] if name in {"path", "to"} else [text]
        for variant in variants:
            code = await room.call(op, sound_params(room, op) | {name: [variant] if is_list(op, name) else variant})
            assert code is None or code in ALLOWED, (variant, code)
            assert room.traces() == before, variant
    assert all(Path(path).is_relative_to(room.root) for path in room.pins.paths)
    assert [child.name() for child in psutil.Process(os.getpid()).children()] == []


@pytest.mark.parametrize(("op", "name"), [pair for pair in PAIRS if not is_list(*pair)])
@pytest.mark.parametrize("value", [0, 1.5, True, [], {}, ["/etc"], {"$ne": 1}])
async def test_what_is_no_string_is_invalid(room: Room, op: str, name: str, value: object) -> None:
    assert await room.call(op, sound_params(room, op) | {name: value}) is ErrorCode.INVALID
