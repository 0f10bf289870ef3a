"""Going on from a point of Claude's past, with the real CLI: forks, going back, and what a killed CLI has not kept."""

import json
import uuid
from pathlib import Path

import pytest

from providers.base import ForkOf, GoingBack, ProcessRecorder, Prompt, ProviderFailed, SessionSpec, WentBack
from providers.claude.options import prompt_uuid
from tests.contract.driver import Driver, ended, of, said
from tests.contract.harness import ClaudeHarness
from ws.protocol.events import Delta, NativeIdKnown, Notice, RewoundFile, Usage

pytestmark = pytest.mark.cli


async def open_at(
    claude: ClaudeHarness,
    native_id: str | None = None,
    *,
    resume_at: str | None = None,
    fork_of: ForkOf | None = None,
    new_native_id: str | None = None,
) -> Driver:
    spec = SessionSpec(
        path=claude.folder,
        model="claude-sonnet-4-5",
        mode="acceptEdits",
        native_id=native_id,
        new_native_id=None if native_id else new_native_id or str(uuid.uuid4()),
        resume_at=resume_at,
        fork_of=fork_of,
    )
    return Driver(await claude.provider.open(spec, ProcessRecorder(claude.started.append, claude.ended.append)))


async def turn(driver: Driver, text: str) -> tuple[str, str]:
    """The prompt's message id and the anchor of its turn."""
    message_id = await driver.prompt(text)
    anchor = ended(await driver.rest_of_turn()).anchor
    assert anchor is not None
    return message_id, anchor


def native_id_of(driver: Driver) -> str:
    return of(NativeIdKnown, driver.events)[-1].native_id


def heard(claude: ClaudeHarness) -> str:
    """What the model was sent last."""
    return json.dumps(claude.server.requests[-1].body["messages"])


def transcript(claude: ClaudeHarness, native_id: str) -> Path:
    (file,) = (claude.home / ".claude" / "projects").rglob(f"{native_id}.jsonl")
    return file


def written(file: Path) -> set[str | None]:
    """The names of the entries of a transcript."""
    return {json.loads(line).get("uuid") for line in file.read_text().splitlines()}


async def test_a_fork_knows_what_was_said_up_to_its_point_and_leaves_its_source_alone(claude: ClaudeHarness) -> None:
    source = await open_at(claude)
    _, first = await turn(source, "say heron")
    await turn(source, "say stork")
    before = transcript(claude, native_id_of(source)).read_bytes()
    new_native_id = str(uuid.uuid4())
    fork = await open_at(claude, fork_of=ForkOf(native_id_of(source), first), new_native_id=new_native_id)
    await turn(fork, "say crane")
    assert native_id_of(fork) == new_native_id
    assert "heron" in heard(claude)
    assert "stork" not in heard(claude)
    await turn(source, "say egret")
    assert "stork" in heard(claude)
    assert "crane" not in heard(claude)
    assert transcript(claude, native_id_of(source)).read_bytes().startswith(before)
    await fork.agent.close()
    again = await open_at(claude, fork_of=ForkOf(native_id_of(source), first), new_native_id=new_native_id)
    await turn(again, "say tern")
    assert "crane" in heard(claude), "a fork that the node forgot is resumed under its id"
    await again.agent.close()
    await source.agent.close()


async def test_a_fork_of_all_and_of_what_is_not_there(claude: ClaudeHarness) -> None:
    source = await open_at(claude)
    await turn(source, "say heron")
    fork = await open_at(claude, fork_of=ForkOf(native_id_of(source)))
    await turn(fork, "say crane")
    assert "heron" in heard(claude)
    with pytest.raises(ProviderFailed, match="choose a later one"):
        await open_at(claude, fork_of=ForkOf(native_id_of(source), str(uuid.uuid4())))
    with pytest.raises(ProviderFailed, match="no longer has this conversation"):
        await open_at(claude, fork_of=ForkOf(str(uuid.uuid4())))
    await fork.agent.close()
    await source.agent.close()


async def test_every_kind_of_turn_ends_at_a_point_to_fork_from(claude: ClaudeHarness) -> None:
    source = await open_at(claude)
    await turn(source, "say heron")
    anchors = [(await turn(source, how))[1] for how in ("/context", "error 403", "run false\nsay so")]
    await source.prompt("say begins\nhang")
    await source.until(Delta)
    await source.agent.interrupt()
    anchors.append(ended(await source.rest_of_turn()).anchor or "")
    await turn(source, "say stork")
    for anchor in anchors:
        fork = await open_at(claude, fork_of=ForkOf(native_id_of(source), anchor))
        await turn(fork, "say crane")
        assert "heron" in heard(claude)
        assert ("interrupted by user" in heard(claude)) == (anchor == anchors[-1])
        assert "stork" not in heard(claude)
        await fork.agent.close()
    _, summarised = await turn(source, "/compact")
    await turn(source, "say egret")
    fork = await open_at(claude, fork_of=ForkOf(native_id_of(source), summarised))
    await turn(fork, "say crane")
    assert "continued from a previous conversation" in heard(claude)
    assert "egret" not in heard(claude)
    await fork.agent.close()
    await source.agent.close()


async def test_going_back_restores_files_and_memory_in_another_process(claude: ClaudeHarness) -> None:
    a, b = claude.folder / "a", claude.folder / "b"
    driver = await open_at(claude)
    _, first = await turn(driver, f"write {a} one\nsay heron")
    second_id, second = await turn(driver, f"write {a} two\nwrite {b} two\nsay stork")
    await turn(driver, f"write {a} three\nsay crane")
    native_id = native_id_of(driver)
    await driver.agent.close()
    before = transcript(claude, native_id).read_bytes()

    resumed = await open_at(claude, native_id)
    to = GoingBack(second_id, turn=second, before=first, code=True, is_dry_run=True)
    expected = WentBack([RewoundFile(path=str(a)), RewoundFile(path=str(b))], native_id, first)
    assert await resumed.agent.go_back(to) == expected
    assert (a.read_text(), b.read_text()) == ("three", "two")
    assert await resumed.agent.go_back(GoingBack(second_id, second, first, code=True, is_dry_run=False)) == expected
    assert a.read_text() == "one"
    assert not b.exists()
    await resumed.agent.close()

    cut = await open_at(claude, native_id, resume_at=first)
    await turn(cut, "say tern")
    assert "heron" in heard(claude)
    assert "stork" not in heard(claude)
    assert not of(NativeIdKnown, cut.events), "it goes on in the same session"
    await cut.agent.close()
    later = await open_at(claude, native_id)
    await turn(later, "say gull")
    assert "tern" in heard(claude)
    assert "stork" not in heard(claude)
    assert transcript(claude, native_id).read_bytes().startswith(before), "a transcript is only added to"
    await later.agent.close()


async def test_one_file_is_counted_and_without_files_none_is_touched(claude: ClaudeHarness) -> None:
    a = claude.folder / "a"
    driver = await open_at(claude)
    _, first = await turn(driver, f"write {a} one\nsay heron")
    second_id, second = await turn(driver, f"write {a} two\\nthree\nrun touch {claude.folder}/made\nsay stork")
    went = await driver.agent.go_back(GoingBack(second_id, second, first, code=True, is_dry_run=True))
    assert went.files == [RewoundFile(path=str(a), insertions=1, deletions=2)]
    went = await driver.agent.go_back(GoingBack(second_id, second, first, code=False, is_dry_run=False))
    assert (list(went.files), went.resume_at) == ([], first)
    assert a.read_text() == "two\nthree"
    await driver.agent.go_back(GoingBack(second_id, second, first, code=True, is_dry_run=False))
    assert a.read_text() == "one"
    assert (claude.folder / "made").exists(), "Claude does not keep what commands do"
    await driver.agent.close()


async def test_going_back_to_before_the_first_prompt_begins_anew(claude: ClaudeHarness) -> None:
    driver = await open_at(claude)
    message_id, anchor = await turn(driver, f"write {claude.folder}/a one\nsay heron")
    went = await driver.agent.go_back(GoingBack(message_id, anchor, None, code=True, is_dry_run=False))
    assert (went.native_id, went.resume_at) == (None, None)
    assert not (claude.folder / "a").exists()
    await driver.agent.close()


async def test_where_it_cannot_go_back_nothing_is_changed(claude: ClaudeHarness) -> None:
    driver = await open_at(claude)
    with pytest.raises(ProviderFailed, match="no turn yet"):
        await driver.agent.go_back(GoingBack("m", None, None, code=True, is_dry_run=True))
    first_id, first = await turn(driver, "say heron")
    second_id, second = await turn(driver, f"write {claude.folder}/a one\nsay stork")
    with pytest.raises(ProviderFailed, match="without the files"):
        await driver.agent.go_back(GoingBack("not-there", second, first, code=True, is_dry_run=False))
    await turn(driver, "/compact")
    with pytest.raises(ProviderFailed, match="summarised the conversation since"):
        await driver.agent.go_back(GoingBack(second_id, second, first, code=True, is_dry_run=False))
    assert (claude.folder / "a").read_text() == "one"
    await driver.prompt("say begins\nhang")
    await driver.until(Delta)
    with pytest.raises(ProviderFailed, match="stop it"):
        await driver.agent.go_back(GoingBack(first_id, first, None, code=True, is_dry_run=False))
    await driver.agent.close()
    whole = await open_at(claude, native_id_of(driver), resume_at=first)
    told = await whole.turn("say on")
    assert [notice.code for notice in of(Notice, told)] == ["memory_not_cut"]
    await whole.agent.close()


async def test_a_prompt_that_a_killed_cli_has_not_kept_goes_with_the_next(claude: ClaudeHarness) -> None:
    driver = await open_at(claude)
    _, first = await turn(driver, "say heron")
    native_id = native_id_of(driver)
    message_id = await driver.prompt("say a lost stork\nhang")
    await claude.server.wait_for(lambda request: "lost stork" in request.at.prompt)
    claude.kill()
    with pytest.raises(ProviderFailed, match="resumes the session"):
        await driver.rest()
    is_kept = prompt_uuid(message_id) in written(transcript(claude, native_id))
    assert ended(driver.events).anchor == (prompt_uuid(message_id) if is_kept else first)
    await driver.agent.close()
    resumed = await open_at(claude, native_id)
    await turn(resumed, "/context")
    await turn(resumed, "say crane")
    assert heard(claude).count("say a lost stork") == 1
    await turn(resumed, "say tern")
    assert heard(claude).count("say a lost stork") == 1
    await resumed.agent.close()


async def test_a_session_whose_first_turn_was_killed_has_lost_nothing(claude: ClaudeHarness) -> None:
    driver = await open_at(claude)
    await driver.prompt("say a lost heron\nhang")
    await driver.until(NativeIdKnown)
    claude.kill()
    with pytest.raises(ProviderFailed):
        await driver.rest()
    await driver.agent.close()
    resumed = await open_at(claude, native_id_of(driver))
    told = await resumed.turn("say crane")
    assert said(told) == "crane"
    assert not of(Notice, told)
    assert heard(claude).count("say a lost heron") == 1
    await resumed.agent.close()


async def test_an_anchor_of_a_killed_turn_is_one_that_was_kept(claude: ClaudeHarness) -> None:
    driver = await open_at(claude)
    await turn(driver, "say heron")
    await driver.prompt("say stork\nrun echo here\nsay more\nhang")
    await driver.until(Delta, lambda delta: "broken" in delta.text)
    claude.kill()
    with pytest.raises(ProviderFailed):
        await driver.rest()
    anchor = ended(driver.events).anchor
    await driver.agent.close()
    assert anchor in written(transcript(claude, native_id_of(driver)))
    resumed = await open_at(claude, native_id_of(driver), resume_at=anchor)
    await turn(resumed, "say on")
    assert "heron" in heard(claude)
    await resumed.agent.close()


async def test_totals_go_on_in_the_next_process_and_after_a_kill(claude: ClaudeHarness) -> None:
    driver = await open_at(claude)
    await turn(driver, "say one")
    await turn(driver, "say two")
    first = of(Usage, driver.events)[-1]
    await driver.agent.close()
    resumed = await open_at(claude, native_id_of(driver))
    await turn(resumed, "say three")
    second = of(Usage, resumed.events)[-1]
    assert (first.output_tokens, second.output_tokens) == (20, 30)
    await resumed.prompt("hang")
    await resumed.until(Delta)
    claude.kill()
    with pytest.raises(ProviderFailed):
        await resumed.rest()
    await resumed.agent.close()
    last = await open_at(claude, native_id_of(driver))
    await turn(last, "say four")
    third = of(Usage, last.events)[-1]
    assert third.output_tokens == 40
    assert third.input_tokens > second.input_tokens
    assert third.cost_usd is not None
    assert second.cost_usd is not None
    assert third.cost_usd > second.cost_usd
    await last.agent.close()


async def test_a_prompt_that_claude_had_before_ends_at_once(claude: ClaudeHarness) -> None:
    driver = await open_at(claude)
    message_id, _ = await turn(driver, "say heron")
    await driver.agent.close()
    resumed = await open_at(claude, native_id_of(driver))
    await resumed.agent.prompt(Prompt(message_id=message_id, text="say it twice"))
    last = ended(await resumed.rest_of_turn())
    assert last.stop_reason == "error"
    assert "send it again" in (last.error or "")
    assert said(await resumed.turn("say on")) == "on"
    await resumed.agent.close()
