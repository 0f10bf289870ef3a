"""The life of Codex's app-server: found, started once, shared, ended, and replaced when it dies."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from providers.base import AgentProcess, ProviderFailed
from providers.codex.provider import CodexProvider, CodexSettings
from providers.process import identify, is_alive
from tests.contract.codex_harness import OLDER, TOOLS, CodexHarness, codex_environment
from tests.contract.driver import ended, of, said
from tests.support.waiting import eventually
from ws.protocol.events import Delta, NativeIdKnown, Notice
from ws.tasks import TaskOwner

pytestmark = pytest.mark.cli


async def lives(process: AgentProcess) -> bool:
    return await asyncio.to_thread(is_alive, process)


async def gone(process: AgentProcess) -> bool:
    return not await lives(process)


async def test_all_sessions_share_one_process_that_ends_with_the_provider(codex: CodexHarness) -> None:
    first, second = await codex.open(), await codex.open()
    (process,) = codex.started
    assert await lives(process)
    await first.prompt("say one")
    await second.prompt("say two")
    assert (said(await first.rest_of_turn()), said(await second.rest_of_turn())) == ("one", "two")
    await first.agent.close()
    assert said(await second.turn("say still here")) == "still here"
    await second.agent.close()
    await codex.provider.close()
    assert codex.ended == [process]
    assert not await lives(process)


async def test_it_ends_when_nobody_uses_it_and_starts_again(
    codex: CodexHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.codex.server.IDLE_S", 0.05)
    driver = await codex.open()
    native_id = of(NativeIdKnown, await driver.turn("say one"))[0].native_id
    await driver.agent.close()
    await eventually(lambda: bool(codex.ended), what="the app-server to end")
    again = await codex.open(native_id=native_id)
    assert said(await again.turn("recall")) == "I remember: say one"
    assert len(codex.started) == 2
    await again.agent.close()


async def test_its_death_ends_every_turn_and_all_sessions_resume(codex: CodexHarness) -> None:
    drivers = [await codex.open(), await codex.open()]
    known = []
    for driver in drivers:
        await driver.prompt("hang")
        await driver.until(Delta)
        known += [event.native_id for event in of(NativeIdKnown, driver.events)]
    codex.kill()
    for driver in drivers:
        with pytest.raises(ProviderFailed, match="resumes the session"):
            await driver.rest()
        assert ended(driver.events).stop_reason == "error"
        assert "signal 9" in (ended(driver.events).error or "")
        await driver.agent.close()
    resumed = [await codex.open(native_id=native_id) for native_id in known]
    for driver in resumed:
        assert said(await driver.turn("recall")) == "I remember: hang"
        await driver.agent.close()
    assert len(codex.started) == 2


async def test_the_next_one_ends_when_nobody_uses_it_too(codex: CodexHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("providers.codex.server.IDLE_S", 0.05)
    driver = await codex.open()
    codex.kill()
    with pytest.raises(ProviderFailed, match="resumes the session"):
        await driver.rest()
    await driver.agent.close()
    await driver.agent.close()
    again = await codex.open()
    assert said(await again.turn("say two")) == "two"
    await again.agent.close()
    await eventually(lambda: len(codex.ended) == 2, what="the app-server that nobody uses to end")


async def test_a_command_does_not_outlive_a_process_that_was_killed(codex: CodexHarness) -> None:
    mark = codex.folder / "pid"
    driver = await codex.open(mode="full-access")
    code = f'import os,time; open("{mark}","w").write(str(os.getpid())); time.sleep(60)'
    await driver.prompt(f"run python3 -c '{code}'")
    pid = await eventually(lambda: mark.exists() and mark.read_text(), what="the command to start")
    command = await asyncio.to_thread(identify, int(str(pid)))
    codex.kill()
    with pytest.raises(ProviderFailed):
        await driver.rest()
    await eventually(lambda: gone(command), what="the command to end")
    await driver.agent.close()


async def test_what_a_command_has_started_does_not_outlive_it_either(codex: CodexHarness) -> None:
    mark, script = codex.folder / "pid", codex.folder / "start.py"
    inner = f'import os,time; open("{mark}","w").write(str(os.getpid())); time.sleep(60)'
    script.write_text(f"import subprocess\nsubprocess.run(['python3', '-c', {inner!r}], start_new_session=True)\n")
    driver = await codex.open(mode="full-access")
    await driver.prompt(f"run python3 {script}")
    pid = await eventually(lambda: mark.exists() and mark.read_text(), what="the command to start")
    started = await asyncio.to_thread(identify, int(str(pid)))
    codex.kill()
    with pytest.raises(ProviderFailed):
        await driver.rest()
    await driver.agent.close()
    await eventually(lambda: gone(started), what="what the command has started to end")


async def test_one_that_does_not_react_to_an_interrupt_is_ended(
    codex: CodexHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = await codex.open()
    await driver.prompt("hang")
    await driver.until(Delta)
    monkeypatch.setattr("providers.codex.agent.OBEY_S", 0.2)
    os.kill(codex.started[-1].pid, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        await driver.agent.interrupt()
    with pytest.raises(ProviderFailed, match="resumes the session"):
        await driver.rest()
    assert ended(driver.events).stop_reason == "cancelled"
    await driver.agent.close()


async def test_one_that_hangs_is_ended_at_the_close(codex: CodexHarness) -> None:
    driver = await codex.open()
    os.kill(codex.started[-1].pid, signal.SIGSTOP)
    await driver.agent.close()
    await codex.provider.close()
    assert not await lives(codex.started[-1])


async def test_two_live_agents_on_one_conversation_are_refused(codex: CodexHarness) -> None:
    driver = await codex.open()
    native_id = of(NativeIdKnown, await driver.turn("say hello"))[0].native_id
    with pytest.raises(ProviderFailed, match="open already"):
        await codex.open(native_id=native_id)
    await driver.agent.close()
    resumed = await codex.open(native_id=native_id)
    await resumed.agent.close()


async def test_a_conversation_that_is_gone_begins_anew_and_says_so(codex: CodexHarness) -> None:
    driver = await codex.open(native_id="01a1feb4-43a5-7f53-a5c8-000000000000")
    turn = await driver.turn("say hello")
    assert [notice.code for notice in of(Notice, turn)] == ["memory_lost"]
    assert len(of(NativeIdKnown, turn)) == 1
    assert said(turn) == "hello"
    await driver.agent.close()


async def test_a_missing_cli_is_described_and_refused_with_the_remedy(codex: CodexHarness) -> None:
    codex.command = ("/nonexistent/codex",)
    info = await codex.provider.describe(is_awaited=True)
    assert not info.available
    assert "npm install -g @openai/codex" in (info.reason or "")
    with pytest.raises(ProviderFailed, match="npm install"):
        await codex.open()


async def test_a_folder_that_is_gone_is_refused(codex: CodexHarness) -> None:
    codex.folder.rmdir()
    with pytest.raises(ProviderFailed, match="is gone"):
        await codex.open()


async def test_a_description_asks_no_model(codex: CodexHarness) -> None:
    info = await codex.provider.describe(is_awaited=True)
    assert info.available, info.reason
    assert (info.version, info.note) == ("0.169.0", None)
    assert "app-server" in info.features
    assert [model.id for model in info.models if model.is_default] == ["gpt-5.5"]
    assert next(model for model in info.models if model.id == "gpt-5.5").efforts == ["low", "medium", "high", "xhigh"]
    assert {"compact", "review"} == {command.name for command in info.commands}
    assert not codex.server.requests
    assert await codex.provider.describe(is_awaited=True) is info


async def test_not_signed_in_is_described_with_the_remedy(codex: CodexHarness) -> None:
    environment = codex_environment(codex.server, codex.home)
    (codex.home / ".codex" / "config.toml").write_text("check_for_update_on_startup = false\n")
    provider = CodexProvider(CodexSettings(codex.command), environment, codex.start_task)
    info = await provider.describe(is_awaited=True)
    await provider.close()
    assert not info.available
    assert "codex login" in (info.reason or "")
    assert info.models


async def test_it_sees_the_environment_less_what_is_ours(codex: CodexHarness) -> None:
    codex.extra = {"SWITCHYARD_AUTH_JWT_SECRET": "secret", "HERON": "grey"}
    driver = await codex.open(mode="full-access")
    await driver.turn(f"run env > {codex.folder}/env.txt\nsay done")
    seen = (codex.folder / "env.txt").read_text()
    assert "HERON=grey" in seen
    assert "SWITCHYARD" not in seen
    await driver.agent.close()


async def test_the_newest_in_the_tools_is_found_and_it_is_no_script(codex: CodexHarness) -> None:
    environment = codex_environment(codex.server, codex.home)
    provider = CodexProvider(CodexSettings(tools=TOOLS), environment, codex.start_task)
    info = await provider.describe(is_awaited=True)
    await provider.close()
    assert info.version == "0.169.0"


async def test_an_older_one_is_driven_the_same_way(codex: CodexHarness) -> None:
    codex.command = OLDER
    info = await codex.provider.describe(is_awaited=True)
    assert (info.available, info.version, info.note) == (True, "0.153.4", None)
    driver = await codex.open(mode="ask")
    turn = await driver.turn(f"think heron\nrun echo heron\nwrite {codex.folder}/note.txt heron\nsay done")
    assert said(turn) == "done"
    assert (codex.folder / "note.txt").read_text() == "heron\n"
    refused = await driver.turn("error 401")
    assert "codex login" in (ended(refused).error or "")
    await driver.agent.close()


async def test_the_end_of_the_owner_ends_it_and_its_turns(codex: CodexHarness, owner: TaskOwner) -> None:
    driver = await codex.open()
    await driver.prompt("hang")
    await driver.until(Delta)
    await owner.close()
    assert ended(await driver.rest()).stop_reason == "cancelled"
    assert not await lives(codex.started[-1])


def test_the_tools_are_installed() -> None:
    assert Path(OLDER[0]).exists()
