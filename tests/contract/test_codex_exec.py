"""Codex by `codex exec`: what the contract asks for as far as it can, and why it is used."""

import asyncio
import stat
from collections.abc import Awaitable, Callable

import pytest

from providers.base import GoingBack, Prompt, ProviderFailed
from providers.process import is_alive
from tests.contract import test_provider_contract as contract
from tests.contract.codex_harness import NEWEST, OLDER, CodexHarness
from tests.contract.driver import ended, of, said
from tests.contract.harness import Harness
from tests.support.waiting import eventually
from ws.protocol.events import AgentThought, ApprovalRequested, NativeIdKnown, Plan, ToolCall, ToolCallUpdate, Usage

pytestmark = pytest.mark.cli


@pytest.fixture(params=[NEWEST, OLDER], ids=["newest", "older"])
def by_exec(codex: CodexHarness, request: pytest.FixtureRequest) -> CodexHarness:
    codex.command = (*request.param, "exec")
    codex.asks = "read-only"
    return codex


@pytest.mark.parametrize(
    "holds",
    [
        contract.test_the_list_of_tasks_is_told_whole,
        contract.test_interrupt_without_a_turn_does_nothing,
        contract.test_a_chosen_model_holds_from_the_next_turn_on,
        contract.test_resumes_with_its_memory,
        contract.test_a_failed_turn_names_the_remedy_and_the_session_goes_on,
        contract.test_a_retry_is_told_and_the_turn_succeeds,
        contract.test_nothing_follows_the_end_of_a_turn_and_of_the_agent,
    ],
)
async def test_keeps_this_part_of_the_contract(
    by_exec: CodexHarness, holds: Callable[[Harness], Awaitable[None]]
) -> None:
    await holds(by_exec)


async def test_shows_what_a_command_printed(codex: CodexHarness) -> None:
    """Of the newest alone: on a busy machine 0.153.4 sometimes loses the output of a command that ends at once."""
    codex.command = (*NEWEST, "exec")
    await contract.test_shows_a_tool_call_and_its_result(codex)


async def test_tells_why_it_is_used_and_offers_no_more_than_it_can(by_exec: CodexHarness) -> None:
    info = await by_exec.provider.describe(is_awaited=True)
    assert info.available, info.reason
    assert "the configuration demands it" in (info.note or "")
    assert "exec" in info.features
    assert not {"approvals", "questions", "fork", "rewind", "steer"} & set(info.features)
    assert [mode.id for mode in info.modes] == ["read-only", "auto", "full-access"]
    assert sum(model.is_default for model in info.models) == 1


async def test_a_turn_with_thoughts_commands_and_files(by_exec: CodexHarness) -> None:
    driver = await by_exec.open(mode="full-access")
    script = f"think a heron\nrun echo heron\nwrite {by_exec.folder}/note.txt heron\nsay done"
    turn = await driver.turn(script)
    assert [thought.text for thought in of(AgentThought, turn)] == ["a heron"]
    assert [call.kind for call in of(ToolCall, turn)] == ["execute", "edit"]
    assert {update.status for update in of(ToolCallUpdate, turn)} == {"completed"}
    assert (by_exec.folder / "note.txt").read_text() == "heron\n"
    assert said(turn) == "done"
    assert of(Usage, turn)
    again = await driver.turn("run echo stork\nsay again")
    assert not {call.tool_call_id for call in of(ToolCall, turn)} & {call.tool_call_id for call in of(ToolCall, again)}
    assert not of(Plan, again)
    await driver.agent.close()


async def test_an_interrupt_ends_the_turn_with_its_process(by_exec: CodexHarness) -> None:
    driver = await by_exec.open(mode="full-access")
    await driver.prompt("hang")
    native_id = (await driver.until(NativeIdKnown)).native_id
    await by_exec.server.wait_for(lambda request: request.at.prompt == "hang")
    await driver.agent.interrupt()
    assert ended(await driver.rest_of_turn()).stop_reason == "cancelled"
    assert not await asyncio.to_thread(is_alive, by_exec.started[-1])
    assert said(await driver.turn("recall")) == "I remember: hang"
    assert by_exec.ended == by_exec.started
    await driver.agent.close()
    assert native_id


async def test_death_in_a_turn_is_told_and_the_session_resumes(by_exec: CodexHarness) -> None:
    driver = await by_exec.open()
    await driver.prompt("hang")
    native_id = (await driver.until(NativeIdKnown)).native_id
    await by_exec.server.wait_for(lambda request: request.at.prompt == "hang")
    by_exec.kill()
    with pytest.raises(ProviderFailed, match="resumes the session"):
        await driver.rest()
    assert ended(driver.events).stop_reason == "error"
    with pytest.raises(ProviderFailed):
        await driver.prompt("say again")
    resumed = await by_exec.open(native_id=native_id)
    assert said(await resumed.turn("recall")) == "I remember: hang"
    await resumed.agent.close()


async def test_what_it_cannot_is_refused(by_exec: CodexHarness) -> None:
    driver = await by_exec.open()
    assert not await driver.agent.steer(Prompt(message_id="m1", text="say it"))
    with pytest.raises(ProviderFailed, match="read-only, auto, full-access"):
        await driver.agent.set_mode("plan")
    with pytest.raises(ProviderFailed, match="cannot go back"):
        await driver.agent.go_back(GoingBack("m1", None, None, code=False, is_dry_run=False))
    with pytest.raises(KeyError):
        await driver.agent.stop_task("none")
    await driver.agent.close()


async def test_one_without_an_app_server_is_used_by_exec_and_says_why(codex: CodexHarness) -> None:
    wrapper = codex.home / "codex"
    wrapper.write_text(
        "#!/bin/sh\n"
        '[ "$1" = app-server ] && { echo "unrecognized subcommand" >&2; exit 2; }\n'
        f'exec {NEWEST[0]} "$@"\n'
    )
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    codex.command = (str(wrapper),)
    driver = await codex.open(mode="full-access")
    assert said(await driver.turn("say hello")) == "hello"
    await driver.agent.close()
    info = await codex.provider.describe(is_awaited=True)
    assert info.available
    assert "0.169.0 has no app-server" in (info.note or "")
    assert "unrecognized subcommand" in (info.note or "")


async def test_an_app_server_that_did_not_start_once_is_tried_again(
    codex: CodexHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.description.FRESH_S", 0.0)
    wrapper = codex.home / "codex"
    wrapper.write_text(
        f'#!/bin/sh\n[ "$1" = app-server ] && mkdir {codex.home}/tried && exit 2\nexec {NEWEST[0]} "$@"\n'
    )
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    codex.command = (str(wrapper),)
    assert "has no app-server" in ((await codex.provider.describe(is_awaited=True)).note or "")

    async def is_by_app_server() -> bool:
        return "app-server" in (await codex.provider.describe(is_awaited=True)).features

    await eventually(is_by_app_server, what="a description by the app-server")
    driver = await codex.open(mode="ask")
    await driver.prompt("run touch one\nsay done")
    assert (await driver.until(ApprovalRequested)).kind == "tool"
    await driver.agent.close()


async def test_one_that_must_have_an_app_server_is_not_used_without(codex: CodexHarness) -> None:
    codex.command = ("/bin/false", "app-server")
    info = await codex.provider.describe(is_awaited=True)
    assert not info.available
    assert "app-server does not start" in (info.reason or "")


async def test_a_session_that_was_to_be_asked_only_reads(by_exec: CodexHarness) -> None:
    driver = await by_exec.open(mode="ask")
    await driver.turn("run touch one\nsay done")
    assert not (by_exec.folder / "one").exists()
    await driver.agent.close()
