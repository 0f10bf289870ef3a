"""Codex's parts one by one: where it is found, how changes of files are shown, what errors say."""

import json
from pathlib import Path
from typing import Any

import pytest

from providers.codex import catalog, diffs, errors, locate, modes
from providers.codex.streaming import OUTPUT_CHARS, Blocks, LiveOutput
from ws.protocol.events import DiffContent, TextContent


def npm_installation(folder: Path, version: str) -> Path:
    """What npm makes of @openai/codex: a script on the PATH, the program in a package of its platform."""
    package = folder / "node_modules" / "@openai" / "codex"
    (package / "bin").mkdir(parents=True)
    (package / "package.json").write_text(json.dumps({"version": version}))
    script = package / "bin" / "codex.js"
    script.write_text("#!/usr/bin/env node\n")
    script.chmod(0o755)
    program = package.parent / "codex-linux-x64" / "vendor" / "x86_64-unknown-linux-musl" / "bin" / "codex"
    program.parent.mkdir(parents=True)
    program.write_text("")
    program.chmod(0o755)
    shim = folder / "node_modules" / ".bin" / "codex"
    shim.parent.mkdir()
    shim.symlink_to(script)
    return program


def test_the_program_is_taken_and_not_its_script(tmp_path: Path) -> None:
    program = npm_installation(tmp_path, "1.0.0")
    path = {"PATH": str(tmp_path / "node_modules" / ".bin")}
    assert locate.find((), path, None) == locate.Found((str(program),))
    assert locate.find(("codex", "-c", "a=1"), path, None) == locate.Found((str(program), "-c", "a=1"))


def test_the_newest_of_the_tools_is_taken_when_none_is_on_the_path(tmp_path: Path) -> None:
    npm_installation(tmp_path / "a-newer-name", "0.9.12")
    newest = npm_installation(tmp_path / "b", "0.10.3")
    assert locate.find((), {"PATH": "/nonexistent"}, tmp_path) == locate.Found((str(newest),))
    assert locate.find((), {"PATH": "/nonexistent"}, tmp_path / "none") is None


@pytest.mark.parametrize("way", ["exec", "app-server"])
def test_the_configuration_may_demand_a_way_of_use(tmp_path: Path, way: str) -> None:
    program = npm_installation(tmp_path, "1.0.0")
    path = {"PATH": str(tmp_path / "node_modules" / ".bin")}
    assert locate.find(("codex", "-c", "a=1", way), path, None) == locate.Found((str(program), "-c", "a=1"), way)
    assert locate.find(("codex", way), path, None) == locate.Found((str(program),), way)


def change(path: str, kind: str, diff: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "kind": {"type": kind, **more}, "diff": diff}


def test_a_change_is_shown_with_the_whole_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\nthree\nfour\n")
    hunks = "@@ -1,2 +1,2 @@\n one\n-two\n+2\n@@ -4 +4,2 @@\n four\n+five\n"
    path = str(tmp_path / "a.txt")
    shown = diffs.shown([change(path, "update", hunks, move_path=None)], tmp_path)
    expected = DiffContent(path=path, old_text="one\ntwo\nthree\nfour\n", new_text="one\n2\nthree\nfour\nfive\n")
    assert shown == [expected]


def test_a_change_of_a_file_that_is_another_by_now_shows_the_lines_alone(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("something else\n")
    shown = diffs.shown([change("a.txt", "update", "@@ -1 +1 @@\n-two\n+2\n")], tmp_path)
    assert shown == [DiffContent(path=str(tmp_path / "a.txt"), old_text="two\n", new_text="2\n")]


def test_added_deleted_and_moved_files(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("old\n")
    moved = change("old.txt", "update", "@@ -1 +1 @@\n-old\n+new\n", move_path="new.txt")
    changes = [change("made.txt", "add", "made\n"), change("old.txt", "delete", "old\n"), moved]
    assert diffs.shown(changes, tmp_path) == [
        DiffContent(path=str(tmp_path / "made.txt"), old_text=None, new_text="made\n"),
        DiffContent(path=str(tmp_path / "old.txt"), old_text="old\n", new_text=""),
        DiffContent(path=str(tmp_path / "new.txt"), old_text="old\n", new_text="new\n"),
    ]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n" * diffs.MAX_FILE_BYTES)
    (shown,) = diffs.shown([change("a.txt", "update", "@@ -1 +1 @@\n-one\n+1\n")], tmp_path)
    assert isinstance(shown, DiffContent)
    assert shown.old_text == "one\n"


def test_a_change_that_is_too_large_for_an_event_says_so(tmp_path: Path) -> None:
    (shown,) = diffs.shown([change("a.txt", "add", "x" * 1024 * 1024)], tmp_path)
    assert isinstance(shown, TextContent)
    assert "too large to show" in shown.text


@pytest.mark.parametrize(
    ("info", "message", "words"),
    [
        ({"httpConnectionFailed": {"httpStatusCode": 401}}, "unexpected status 401", "codex login"),
        ("other", "unexpected status 401 Unauthorized: no", "codex login"),
        ("unauthorized", "no", "codex login"),
        ("contextWindowExceeded", "too long", "/compact"),
        ("usageLimitExceeded", "limit", "wait until it resets"),
        ({"responseTooManyFailedAttempts": {"httpStatusCode": 429}}, "429", "wait until it resets"),
        ("internalServerError", "boom", "in a moment"),
        ("serverOverloaded", "busy", "in a moment"),
        ("other", "unexpected status 404 Not Found", "choose another one"),
        ({"responseStreamDisconnected": {"httpStatusCode": None}}, "closed", "network"),
        ("something new", "odd", "send the prompt again"),
        (None, "Missing environment variable: `KEY`.", "providers.codex.env"),
    ],
)
def test_a_failed_turn_says_what_to_do(info: Any, message: str, words: str) -> None:
    said = errors.turn_failure({"message": message, "codexErrorInfo": info}, ("codex",))
    assert words in said
    assert "\n" not in said


def test_a_thread_that_another_codex_has_is_not_fought_over() -> None:
    failure = errors.refused("open the session", {"message": "thread 1 already has an active writer"})
    assert "another Codex" in str(failure)
    assert isinstance(errors.refused("open it", {"message": "no rollout found for thread id 1"}), errors.ThreadGone)


def test_modes_go_from_careful_to_permissive() -> None:
    assert [mode.id for mode in modes.modes(asks=True)] == ["plan", "read-only", "ask", "auto", "full-access"]
    assert [mode.id for mode in modes.modes(asks=True) if mode.risk] == ["full-access"]
    assert [mode.id for mode in modes.modes(asks=True) if mode.is_default] == ["ask"]


def test_the_users_own_sandbox_of_the_workspace_is_kept() -> None:
    given = {"writable_roots": ["/var/cache"], "network_access": True}
    assert modes.sandbox_policy("workspace-write", given) == {
        "type": "workspaceWrite",
        "writableRoots": ["/var/cache"],
        "networkAccess": True,
        "excludeTmpdirEnvVar": False,
        "excludeSlashTmp": False,
    }
    assert modes.sandbox_policy("read-only", given) == {"type": "readOnly"}


def test_the_configured_model_is_the_default() -> None:
    listed = [
        {"id": "a", "displayName": "A", "isDefault": True, "supportedReasoningEfforts": [{"reasoningEffort": "low"}]},
        {"id": "b", "hidden": True},
    ]
    assert [(model.id, model.is_default) for model in catalog.models(listed, None)] == [("a", True)]
    assert [(model.id, model.is_default) for model in catalog.models(listed, "b")] == [("a", False), ("b", True)]
    assert [(model.id, model.is_default) for model in catalog.models(listed, "own")] == [("own", True), ("a", False)]


def test_a_block_that_is_begun_anew_keeps_its_id() -> None:
    blocks = Blocks("p")
    first = blocks.delta("item-1", "text", "broken", None)
    blocks.abandon()
    again = blocks.delta("item-2", "text", "whole", None)
    assert first is not None
    assert again is not None
    assert (first.message_id, first.offset) == (again.message_id, again.offset) == ("p-0", 0)
    assert blocks.finish("item-2", "text") == "p-0"
    assert blocks.finish("item-3", "text") == "p-1"


def test_output_is_shown_ever_more_rarely_and_only_its_end() -> None:
    now = 0.0
    output = LiveOutput(lambda: now)
    assert output.add("one\n") == "one"
    assert output.add("two\n") is None
    now = 0.6
    assert output.add("three\n") == "one\ntwo\nthree"
    now = 1.2
    assert output.add("x") is None, "the pause has doubled"
    now = 2.0
    shown = output.add("y" * OUTPUT_CHARS)
    assert shown is not None
    assert shown.startswith("… 15 characters before …\n")
