"""files.find and files.grep: streamed, bounded, ended at once, and blind for what Git ignores."""

import asyncio
import contextlib
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from node.context import Subscribed
from node.files.guard import PathGuard
from node.files.pool import FilePool
from node.files.search import grep, ripgrep
from node.files.search.ripgrep import Ripgrep
from node.files.search.service import MAX_RUNNING, SearchService
from tests.support.repositories import TestRepository
from tests.support.waiting import eventually
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.files import (
    FilesFindParams,
    FilesFound,
    FilesGrepParams,
    FilesMatched,
    FilesSearchDone,
    FoundPath,
    GrepLine,
)

MAX_EVENT_BYTES = 64 * 1024


@dataclass
class Search:
    service: SearchService
    repository: TestRepository

    @property
    def root(self) -> Path:
        return self.repository.path

    async def find(self, query: str, *, limit: int = 200, path: Path | None = None) -> list[FoundPath]:
        answer = await self.service.find(
            FilesFindParams(node="n", path=str(path or self.root), query=query, limit=limit)
        )
        events = await whole(answer)
        return [each for event in events if isinstance(event, FilesFound) for each in event.entries]

    async def names(self, query: str, **more: Any) -> list[str]:
        return [each.path for each in await self.find(query, **more)]

    async def grep(self, query: str, *, path: Path | None = None, **more: Any) -> dict[str, list[GrepLine]]:
        answer = await self.service.grep(FilesGrepParams(node="n", path=str(path or self.root), query=query, **more))
        lines: dict[str, list[GrepLine]] = {}
        for event in await whole(answer):
            if isinstance(event, FilesMatched):
                lines.setdefault(event.path, []).extend(event.lines)
        return lines


async def whole(answer: Subscribed) -> list[object]:
    """All events; the last one says that it is done, and none is larger than a batch may be."""
    events: list[object] = []
    async for event in answer.events:
        assert len(msgspec.json.encode(event)) <= MAX_EVENT_BYTES
        events.append(event)
    assert isinstance(events[-1], FilesSearchDone)
    assert not any(isinstance(event, FilesSearchDone) for event in events[:-1])
    return events


def children() -> list[psutil.Process]:
    return psutil.Process(os.getpid()).children(recursive=True)


@pytest.fixture
def search(tmp_path: Path) -> Iterator[Search]:
    root = tmp_path / "root"
    root.mkdir()
    repository = TestRepository.make(root)
    pool = FilePool()
    guard = PathGuard([root], pool)
    yield Search(SearchService(guard, pool, Ripgrep(repository.environ)), repository)
    pool.close()


async def test_paths_are_found_by_their_letters_best_first(search: Search) -> None:
    for name in ("config.py", "src/config/loader.py", "tests/test_config.py", "c/o/n/f/i/g.txt", "other.md"):
        search.repository.write(name, "x")
    assert await search.names("config") == [
        "src/config",
        "config.py",
        "tests/test_config.py",
        "src/config/loader.py",
        "c/o/n/f/i/g.txt",
    ]
    assert await search.names("CFGpy") == ["config.py", "tests/test_config.py", "src/config/loader.py"]
    assert {each.path for each in await search.find("src") if each.type == "directory"} == {"src", "src/config"}
    assert await search.names("src", path=search.root / "src") == []
    assert await search.names("zzz") == []


async def test_the_limit_keeps_the_best_and_says_that_there_were_more(search: Search) -> None:
    for number in range(300):
        search.repository.write(f"deep/er/b-{number}-a-t", "x")
    search.repository.write("z/bat", "x")
    answer = await search.service.find(FilesFindParams(node="n", path=str(search.root), query="bat", limit=10))
    events = await whole(answer)
    paths = [each.path for event in events if isinstance(event, FilesFound) for each in event.entries]
    assert len(paths) == 10
    assert paths[0] == "z/bat"
    assert events[-1] == FilesSearchDone(found=10, truncated=True)
    assert await search.names("bat", limit=1) == ["z/bat"]


async def test_lines_are_found_with_where_they_match(search: Search) -> None:
    search.repository.write("a.txt", "one\nzwei grün grün\r\nthree\n")
    search.repository.write("b/c.txt", "GRÜN")
    assert await search.grep("grün") == {
        "a.txt": [GrepLine(line=2, text="zwei grün grün", spans=[(5, 9), (10, 14)])],
        "b/c.txt": [GrepLine(line=1, text="GRÜN", spans=[(0, 4)])],
    }
    assert set(await search.grep("GRÜN")) == {"b/c.txt"}
    assert set(await search.grep("GRÜN", case="insensitive")) == {"a.txt", "b/c.txt"}
    assert set(await search.grep("grün", case="sensitive")) == {"a.txt"}
    assert set(await search.grep("^(one|GR.N)$", regex=True)) == {"a.txt", "b/c.txt"}
    assert await search.grep("^(one|GR.N)$") == {}


async def test_globs_limit_and_exclude(search: Search) -> None:
    for name in ("a.py", "a.md", "src/b.py", "src/gen/c.py", "!odd.py", "build.py"):
        search.repository.write(name, "needle")
    search.repository.write(".gitignore", "build.py\n")
    assert set(await search.grep("needle", include=["*.py"])) == {"a.py", "src/b.py", "src/gen/c.py", "!odd.py"}
    assert set(await search.grep("needle", include=["*.py", "*.md"], exclude=["gen", "!odd.py"])) == {
        "a.py",
        "a.md",
        "src/b.py",
    }
    assert set(await search.grep("needle", include=["src/**"])) == {"src/b.py", "src/gen/c.py"}
    assert set(await search.grep("needle", include=["!odd.py"])) == {"!odd.py"}


async def test_what_git_ignores_is_not_found_and_hidden_files_are(search: Search) -> None:
    repository = search.repository
    repository.write(".gitignore", "node_modules/\n*.log\n")
    repository.write(".github/needle.yml", "needle")
    repository.write("node_modules/needle.js", "needle")
    repository.write("needle.log", "needle")
    repository.write("sub/needle.log", "needle")
    repository.write("sub/.ignore", "*\n")
    repository.write("sub/needle.txt", "needle")
    repository.write(".git/needle", "needle")
    expected = {".github/needle.yml", "sub/needle.txt"}
    assert set(await search.names("needle")) == expected
    assert set(await search.grep("needle")) == expected
    assert set(await search.names("needle", path=search.root / "sub")) == {"needle.txt"}, "rules of folders above count"


async def test_names_that_are_not_utf8_carry_their_bytes(search: Search) -> None:
    Path(os.fsdecode(os.fsencode(search.root) + b"/n\xe9edle")).write_bytes(b"needle \xff\n")
    (found,) = await search.find("nedle")
    assert (found.path, found.path_bytes) == ("n\ufffdedle", b"n\xe9edle")
    answer = await search.service.grep(FilesGrepParams(node="n", path=str(search.root), query="needle"))
    (matched, _) = await whole(answer)
    assert isinstance(matched, FilesMatched)
    assert (matched.path_bytes, matched.lines) == (
        b"n\xe9edle",
        [GrepLine(line=1, text="needle \ufffd", spans=[(0, 6)])],
    )


@pytest.mark.parametrize("name", ["-rf", "$(touch x)", "new\nline", "a" * 255, "--pre=touch x", "[x]*"])
async def test_odd_names_are_only_names(search: Search, name: str) -> None:
    search.repository.write(name, "needle")
    assert set(await search.grep("needle")) == {name}
    assert name in await search.names(name[:200])
    folder = search.root / "in" / name
    folder.mkdir(parents=True)
    (folder / "f").write_text("needle")
    assert set(await search.grep("needle", path=folder)) == {"f"}
    assert not (search.root / "x").exists()


@pytest.mark.parametrize("query", ["(", "a{2", "*", "[z-a]", r"\p{nothing}", "(?P<n>a"])
async def test_a_bad_expression_is_told_in_one_line(search: Search, query: str) -> None:
    with pytest.raises(WireError) as refused:
        await search.grep(query, regex=True)
    assert refused.value.code is ErrorCode.INVALID
    assert "\n" not in refused.value.detail
    assert refused.value.detail.startswith("This cannot be searched for: ")
    assert await search.grep(query) == {}


async def test_a_bad_glob_and_a_line_break_are_refused(search: Search) -> None:
    bad: list[dict[str, Any]] = [{"include": ["[a"]}, {"exclude": ["{a"]}, {"include": ["src/[a"]}]
    for more in bad:
        with pytest.raises(WireError) as refused:
            await search.grep("x", **more)
        assert refused.value.code is ErrorCode.INVALID
    for query in ("a\nb", "a\0b"):
        with pytest.raises(WireError) as refused:
            await search.grep(query)
        assert refused.value.code is ErrorCode.INVALID


async def test_limits_hold_for_many_lines_long_lines_and_binary_files(search: Search) -> None:
    search.repository.write("many", "needle\n" * 5000)
    search.repository.write("long", "x" * 100_000 + "needle" + "y" * 100_000 + "\n")
    search.repository.write("over", "needle " * 2_000_000)
    (search.root / "binary").write_bytes(b"\0" * 100 + b"needle\n" * 10)
    answer = await search.service.grep(FilesGrepParams(node="n", path=str(search.root), query="needle", limit=100))
    assert (await whole(answer))[-1] == FilesSearchDone(found=100, truncated=True)
    lines = (await search.grep("needle", include=["long"]))["long"]
    (span,) = lines[0].spans
    assert len(lines[0].text) == 1000
    assert lines[0].text[slice(*span)] == "needle"
    assert await search.grep("needle", include=["binary"]) == {}
    with (search.root / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    with (search.root / "sparse").open("r+b") as file:
        file.write(b"needle")
    assert await search.grep("needle", include=["sparse"]) == {}, "passed over, not held in memory"
    whole_file = (await search.grep("needle", include=["many"], limit=10_000))["many"]
    assert [line.line for line in whole_file] == list(range(1, 5001))


async def test_giving_up_ends_the_search_at_once(search: Search) -> None:
    search.repository.write("many", "needle\n" * 200_000)
    answer = await search.service.grep(FilesGrepParams(node="n", path=str(search.root), query="needle", limit=10_000))
    events: Any = answer.events
    assert isinstance(await anext(events), FilesMatched)
    assert len(children()) == 1
    await events.aclose()
    assert children() == []
    unused: Any = (await search.service.find(FilesFindParams(node="n", path=str(search.root), query="x"))).events
    await unused.aclose()
    assert children() == []
    assert search.service._running == 0


async def test_a_task_that_is_cancelled_while_it_waits_ends_the_search(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ripgrep, "_find", lambda path: "/bin/sleep")
    answer = await search.service.find(FilesFindParams(node="n", path=str(search.root), query="x"))
    monkeypatch.setattr(ripgrep.Ripgrep, "records", stuck)
    waiting = asyncio.ensure_future(whole(answer))  # noqa: TID251  cancelled below
    await eventually(children, what="the search to run")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert search.service._running == 0
    assert children() == []


async def stuck(self: Ripgrep, *args: object) -> AsyncIterator[list[bytes]]:
    """A search that finds nothing for ever."""
    process = await self._start(["3600"], "/", is_checked=False)
    try:
        while True:
            await asyncio.sleep(3600)
            yield []
    finally:
        await ripgrep._end(process)


async def test_too_many_searches_at_once_are_refused(search: Search) -> None:
    search.repository.write("many", "needle\n" * 200_000)
    running: list[Any] = []
    params = FilesGrepParams(node="n", path=str(search.root), query="needle", limit=10_000)
    for _ in range(8):
        running.append((await search.service.grep(params)).events)
        await anext(running[-1])
    with pytest.raises(WireError) as refused:
        await search.service.grep(params)
    assert refused.value.code is ErrorCode.RATE_LIMITED
    for each in running:
        await each.aclose()
    await search.service.grep(params)


async def test_links_are_not_followed_and_own_data_is_not_searched(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root / "[data]/below", root / "open", outside):
        folder.mkdir(parents=True)
        (folder / "needle").write_text("needle")
    (root / "link").symlink_to(outside)
    (root / "needle-link").symlink_to(outside / "needle")
    for name in ("node.db", "node.db-wal"):
        (root / name).write_text("needle")
    pool = FilePool()
    guard = await asyncio.to_thread(
        PathGuard, [root], pool, data_folders=[root / "[data]"], databases=[root / "node.db"]
    )
    search = Search(SearchService(guard, pool, Ripgrep({})), TestRepository(root, root))
    assert set(await search.grep("needle")) == {"open/needle"}
    for include in (["**"], ["*"], ["/[[]data]/**"], ["node.db*"]):
        assert not [each for each in await search.grep("needle", include=include) if "open" not in each]
    assert set(await search.names("needle")) == {"open/needle"}
    assert await search.names("node.db") == []
    for path in (outside, root / "link", root / "[data]"):
        with pytest.raises(WireError) as refused:
            await search.grep("needle", path=path)
        assert refused.value.code is ErrorCode.FORBIDDEN
    pool.close()


async def test_a_hostile_folder_and_environment_run_nothing(search: Search, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    script.chmod(0o755)
    search.repository.write(".ripgreprc", f"--pre={script}\n")
    search.repository.write("ripgreprc", f"--pre={script}\n")
    search.repository.write("rg", "#!/bin/sh\ntouch ran-too\n")
    (search.root / "rg").chmod(0o755)
    search.repository.write("f", "needle")
    environment = {
        **search.repository.environ,
        "RIPGREP_CONFIG_PATH": str(search.root / "ripgreprc"),
        "PATH": f".:{search.repository.environ.get('PATH', '')}",
    }
    service = SearchService(search.service._guard, search.service._pool, Ripgrep(environment))
    assert set(await Search(service, search.repository).grep("needle")) == {"f"}
    assert not mark.exists()
    assert not (search.root / "ran-too").exists()


async def test_without_ripgrep_the_remedy_is_named(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    search.service._ripgrep._environment["PATH"] = str(search.root)
    with pytest.raises(WireError) as refused:
        await search.grep("x")
    assert refused.value.code is ErrorCode.UNSUPPORTED
    assert "ripgrep" in refused.value.detail


def test_the_installed_ripgrep_is_one(tmp_path: Path) -> None:
    program = ripgrep._find("")
    answer = subprocess.run([program, "--version"], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert answer.stdout.startswith("ripgrep ")


async def test_searches_that_begin_at_once_keep_to_the_bound(search: Search) -> None:
    """Each looks at the folder and asks ripgrep before it runs; meanwhile others must not pass by."""
    params = FilesGrepParams(node="n", path=str(search.root), query="needle")
    running: list[Any] = []
    refused: list[ErrorCode] = []

    async def begin() -> None:
        try:
            running.append((await search.service.grep(params)).events)
        except WireError as error:
            refused.append(error.code)

    async with asyncio.TaskGroup() as beginning:
        for _ in range(30):
            _ = beginning.create_task(begin(), name="begin")
    assert (len(running), refused) == (MAX_RUNNING, [ErrorCode.RATE_LIMITED] * (30 - MAX_RUNNING))
    for events in running:
        await events.aclose()
        await events.aclose()
    with pytest.raises(WireError):
        await search.service.grep(FilesGrepParams(node="n", path=str(search.root), query="[", regex=True))
    assert search.service._running == 0


async def test_an_expression_made_to_need_memory_gets_little(search: Search) -> None:
    """Each byte of such a text leads to a state that was not seen before, and each state is kept."""
    text = "".join(random.Random(1).choices("01", k=800_000))
    search.repository.write("text", text)
    params = FilesGrepParams(node="n", path=str(search.root), query="1[01]{22}2", regex=True)

    def peak_bytes(arguments: list[str]) -> int:
        peak = 0
        with psutil.Popen([ripgrep._find(""), *arguments, str(search.root)], stdout=subprocess.DEVNULL) as process:
            while process.returncode is None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    peak = max(peak, process.memory_info().rss)
                with contextlib.suppress(psutil.TimeoutExpired):
                    process.wait(0.01)
        return peak

    assert 0 < await asyncio.to_thread(peak_bytes, grep.arguments(params)) < 60_000_000
