"""git.diff against real repositories."""

import os
from pathlib import Path

import pytest

from node.git import patch
from tests.support.repositories import TestRepository
from tests.unit.node.git.conftest import Git
from ws.protocol.errors import ErrorCode, WireError
from ws.protocol.git import DiffFile, GitDiffResult


def by_path(result: GitDiffResult) -> dict[str, DiffFile]:
    return {file.path: file for file in result.files}


async def test_worktree_against_index_and_index_against_head(git: Git) -> None:
    git.repository.commit(f="1\n2\n3\n")
    git.repository.write("f", "1\ntwo\n3\n")
    git.repository.git("add", "f")
    git.repository.write("f", "1\ntwo\nthree\n")
    (unstaged,) = (await git.diff()).files
    (staged,) = (await git.diff(staged=True)).files
    assert unstaged.hunks[0].lines == [" 1", " two", "-3", "+three"]
    assert staged.hunks[0].lines == [" 1", "-2", "+two", " 3"]
    assert (staged.status, staged.binary, staged.hunks[0].header) == ("modified", False, "@@ -1,3 +1,3 @@")


async def test_against_a_commit(git: Git) -> None:
    first = git.repository.commit(f="1\n")
    git.repository.commit(f="2\n")
    git.repository.write("f", "3\n")
    git.repository.write("untracked", "x")
    (file,) = (await git.diff(base=first[:10])).files
    assert file.hunks[0].lines == ["-1", "+3"]
    assert (await git.diff(base="main~1")).files == [file]


@pytest.mark.parametrize("base", ["nowhere", "HEAD:f", "main..main", "HEAD^{tree}", "a" * 200, "@{9}", "--output=x"])
async def test_a_base_that_is_no_commit_is_invalid(git: Git, base: str) -> None:
    git.repository.commit(f="1\n")
    with pytest.raises(WireError, match="`base` names no commit") as refused:
        await git.diff(base=base)
    assert refused.value.code is ErrorCode.INVALID
    assert not (git.repository.path / "x").exists()


async def test_staged_and_base_exclude_each_other(git: Git) -> None:
    with pytest.raises(WireError, match="exclude each other"):
        await git.diff(base="HEAD", staged=True)


async def test_every_kind_of_change_has_its_status(git: Git) -> None:
    git.repository.commit(changed="c\n", gone="g\n", old="a\nb\nc\nd\n", mode="m\n", kind="k\n", binary="b\n")
    git.repository.write("changed", "c2\n")
    git.repository.write("binary", "b\0\n")
    git.repository.git("rm", "-q", "gone")
    git.repository.git("mv", "old", "new name")
    (git.repository.path / "mode").chmod(0o755)
    (git.repository.path / "kind").unlink()
    (git.repository.path / "kind").symlink_to("target")
    git.repository.write("added", "x\n")
    git.repository.write("added-empty")
    git.repository.git("add", "-A")
    files = by_path(await git.diff(staged=True))
    assert {path: file.status for path, file in files.items()} == {
        "added": "added",
        "added-empty": "added",
        "binary": "modified",
        "changed": "modified",
        "gone": "deleted",
        "kind": "typechange",
        "mode": "modified",
        "new name": "renamed",
    }
    assert files["new name"].old_path == "old"
    assert (files["binary"].binary, files["binary"].hunks) == (True, [])
    assert files["gone"].hunks[0].lines == ["-g"]
    assert files["kind"].hunks[-1].lines == ["+target", "\\ No newline at end of file"]
    assert files["mode"].hunks == []


async def test_untracked_files_are_added_lines(git: Git) -> None:
    git.repository.commit(f="1\n")
    git.repository.write("folder/new", "a\nb")
    git.repository.write("empty")
    git.repository.write("data", "\0")
    git.repository.write(".gitignore", "*.log\n")
    git.repository.write("x.log", "x")
    (git.repository.path / "link").symlink_to("/etc/passwd")
    os.mkfifo(git.repository.path / "pipe")
    files = by_path(await git.diff())
    assert set(files) >= {"folder/new", "empty", "data", ".gitignore", "link"}
    assert all(file.status == "untracked" for file in files.values())
    assert files["folder/new"].hunks[0].lines == ["+a", "+b", "\\ No newline at end of file"]
    assert files["folder/new"].hunks[0].header == "@@ -0,0 +1,2 @@"
    assert files["empty"].hunks == []
    assert files["data"].binary
    assert files["link"].hunks[0].lines[0] == "+/etc/passwd"
    assert "x.log" not in files
    assert by_path(await git.diff(staged=True)) == {}


async def test_a_repository_without_commits_shows_what_is_staged(git: Git) -> None:
    git.repository.write("f", "1\n")
    git.repository.git("add", "f")
    (file,) = (await git.diff(staged=True)).files
    assert (file.status, file.hunks[0].lines) == ("added", ["+1"])
    assert (await git.diff()).files == []


async def test_one_file_alone(git: Git) -> None:
    git.repository.commit(a="1\n", b="1\n")
    git.repository.write("a", "2\n")
    git.repository.write("b", "2\n")
    git.repository.write("new", "2\n")
    git.repository.write(":(top)*", "2\n")
    assert set(by_path(await git.diff(file="a"))) == {"a"}
    assert set(by_path(await git.diff(file="new"))) == {"new"}
    assert set(by_path(await git.diff(file=":(top)*"))) == {":(top)*"}
    assert (await git.diff(file="missing")).files == []
    assert (await git.diff(file="-rf")).files == []


@pytest.mark.parametrize("file", ["/etc/passwd", "../x", "a/../../x", "a\0b", "\ud800"])
async def test_a_file_outside_the_repository_is_invalid(git: Git, file: str) -> None:
    with pytest.raises(WireError) as refused:
        await git.diff(file=file)
    assert refused.value.code is ErrorCode.INVALID


async def test_odd_names_come_as_they_are(git: Git) -> None:
    names = [
        "-rf",
        "$(touch x)",
        'quo"te',
        "tab\there",
        "new\nline",
        "日本",
        "back\\slash",
        " space ",
        "\x01",
        "a b/c d",
    ]
    for name in names:
        git.repository.write(name, "1\n")
    (git.repository.path / "empty\t").touch()
    git.repository.git("add", "-A")
    assert set(by_path(await git.diff(staged=True))) == {*names, "empty\t"}
    git.repository.git("commit", "-q", "-m", "x")
    for name in names:
        git.repository.write(name, "2\n")
    changed = by_path(await git.diff())
    assert set(changed) == set(names)
    assert all(file.hunks[0].lines == ["-1", "+2"] for file in changed.values())


async def test_content_that_looks_like_a_patch_is_content(git: Git) -> None:
    looks = "-- a/x\n++ b/x\ndiff --git a/y b/y\n@@ -1 +1 @@\n\n* Unmerged path z\n"
    git.repository.commit(f=looks, g="1\n")
    git.repository.write("f", "")
    git.repository.write("g", "2\n")
    files = by_path(await git.diff())
    assert set(files) == {"f", "g"}
    assert files["f"].hunks[0].lines == [f"-{line}" for line in looks.split("\n")[:-1]]


async def test_a_conflict_is_unmerged_and_shows_the_worktree_against_ours(git: Git) -> None:
    git.repository.commit(f="base\n", untouched="x\n")
    git.repository.git("checkout", "-q", "-b", "side")
    git.repository.commit(f="side\n")
    git.repository.git("checkout", "-q", "main")
    git.repository.commit(f="main\n")
    git.repository.git("merge", "side", code=1)
    (file,) = (await git.diff()).files
    assert (file.path, file.status) == ("f", "unmerged")
    assert "+<<<<<<< HEAD" in file.hunks[0].lines
    (staged,) = (await git.diff(staged=True)).files
    assert (staged.path, staged.status) == ("f", "unmerged")


async def test_a_file_whose_times_alone_changed_is_no_change(git: Git) -> None:
    git.repository.commit(f="1\n")
    os.utime(git.repository.path / "f", (1, 1))
    assert (await git.diff()).files == []
    assert (await git.status()).files == []


async def test_settings_of_the_repository_do_not_change_the_form(git: Git) -> None:
    git.repository.commit(f="1\n\n2\n")
    git.repository.write("f", "1\n\n3\n")
    expected = await git.diff()
    for key, value in (
        ("diff.noprefix", "true"),
        ("diff.mnemonicPrefix", "true"),
        ("color.ui", "always"),
        ("diff.suppressBlankEmpty", "true"),
        ("diff.context", "0"),
        ("diff.submodule", "log"),
        ("core.quotePath", "true"),
        ("diff.relative", "true"),
        ("diff.external", "true"),
        ("diff.wordRegex", "."),
        ("status.showUntrackedFiles", "no"),
        ("status.short", "true"),
    ):
        git.repository.git("config", key, value)
        assert await git.diff() == expected, key


async def test_windows_line_ends_and_undecodable_bytes_stay_on_their_line(git: Git) -> None:
    git.repository.commit(f="1\n")
    (git.repository.path / "f").write_bytes(b"a\r\nb\x0cc\xff\n")
    (file,) = (await git.diff()).files
    assert file.hunks[0].lines == ["-1", "+a\r", "+b\x0cc\ufffd"]


async def test_a_long_file_does_not_hide_the_others(git: Git) -> None:
    git.repository.commit(a_lock="", z="1\n")
    git.repository.write("a.lock", "line\n" * 200_000)
    git.repository.write("z", "2\n")
    result = await git.diff()
    files = by_path(result)
    assert result.truncated
    assert files["z"].hunks[0].lines == ["-1", "+2"]
    shown = sum(len(line) + 1 for hunk in files["a.lock"].hunks for line in hunk.lines)
    assert patch.MAX_FILE_BYTES - 10 < shown <= patch.MAX_FILE_BYTES
    alone = by_path(await git.diff(file="a.lock"))["a.lock"]
    assert sum(len(line) + 1 for hunk in alone.hunks for line in hunk.lines) > patch.MAX_FILE_BYTES


async def test_untracked_content_is_cut_too(git: Git) -> None:
    for number in range(8):
        git.repository.write(f"f{number}", "x" * (patch.MAX_FILE_BYTES + 1))
    result = await git.diff()
    assert (result.truncated, len(result.files)) == (True, 8)
    size = sum(len(line) for file in result.files for hunk in file.hunks for line in hunk.lines)
    assert size <= patch.MAX_DIFF_BYTES + 8


async def test_a_patch_over_the_bound_of_the_output_is_cut(git: Git) -> None:
    git.repository.commit(f="")
    git.repository.write("f", "0123456789abcde\n" * (10 * 1024 * 1024 // 16))
    result = await git.diff()
    assert result.truncated
    assert by_path(result)["f"].hunks[0].lines[0] == "+0123456789abcde"


async def test_a_submodule_is_shown_by_its_commits(git: Git, tmp_path: Path) -> None:
    inner = TestRepository.make(git.repository.path.parent, "inner")
    inner.commit(a="1")
    git.repository.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.path), "sub")
    git.repository.commit()
    TestRepository(git.repository.path / "sub", git.repository.home).commit(b="2")
    (file,) = (await git.diff()).files
    assert file.path == "sub"
    assert file.hunks[0].lines[0].startswith("-Subproject commit ")
