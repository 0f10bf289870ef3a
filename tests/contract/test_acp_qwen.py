"""A real ACP agent, Qwen Code 0.15.10 (`make agents`), on the scripted model.

It takes seconds to start and most of a gigabyte: one process serves the module, and its tests run in order.
"""

import json
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from providers.acp.provider import AcpProvider, AcpSettings
from providers.base import Agent, AgentProcess, Decision, ProcessRecorder, Prompt, ProviderFailed, SessionSpec
from tests.contract.driver import Driver, ended, of, said
from tests.support.model_server import ModelServer
from tests.support.waiting import eventually
from ws.protocol.events import (
    AgentMessage,
    AgentThought,
    ApprovalRequested,
    ApprovalResolved,
    Attachment,
    Delta,
    DiffContent,
    ModeChanged,
    NativeIdKnown,
    Notice,
    Plan,
    TextContent,
    ToolCall,
    ToolCallUpdate,
    Usage,
)
from ws.tasks import TaskOwner

TOOLS = Path(__file__).parents[2] / ".tools"
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

pytestmark = [pytest.mark.cli, pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("qwen")]


@dataclass
class Qwen:
    folder: Path
    model: ModelServer
    provider: AcpProvider
    driver: Driver
    started: list[AgentProcess] = field(default_factory=list)
    ended: list[AgentProcess] = field(default_factory=list)

    async def open(self, spec: SessionSpec) -> Driver:
        agent: Agent = await self.provider.open(spec, ProcessRecorder(self.started.append, self.ended.append))
        return Driver(agent)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def qwen(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Qwen]:
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("project")
    (home / ".qwen").mkdir()
    settings = {
        "security": {"auth": {"selectedType": "openai"}},
        "general": {"disableAutoUpdate": True},
        "model": {"generationConfig": {"modalities": {"image": True}}},
    }
    (home / ".qwen" / "settings.json").write_text(json.dumps(settings))
    owner = TaskOwner("qwen")
    async with ModelServer() as model:
        environment = {
            "PATH": f"{Path(shutil.which('node') or '').parent}:{os.defpath}",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "OPENAI_API_KEY": "sk-scripted",
            "OPENAI_BASE_URL": f"{model.url}/v1",
            "OPENAI_MODEL": "scripted-model",
        }
        provider = AcpProvider("qwen", AcpSettings(tools=TOOLS), environment, owner.start)
        made = Qwen(folder, model, provider, None)  # type: ignore[arg-type]  # the next line
        made.driver = await made.open(SessionSpec(path=folder, mode="default"))
        yield made
        await made.driver.agent.close()
        await owner.close()


async def test_prose_thoughts_and_use(qwen: Qwen) -> None:
    turn = await qwen.driver.turn("think a heron\nchunks 3")
    assert of(NativeIdKnown, turn)
    assert [thought.text for thought in of(AgentThought, turn)] == ["a heron"]
    (message,) = of(AgentMessage, turn)
    assert message.text == "chunk 1 chunk 2 chunk 3 "
    assert "".join(delta.text for delta in of(Delta, turn) if delta.kind == "text") == message.text
    (usage,) = of(Usage, turn)
    assert usage.output_tokens == 10
    assert usage.input_tokens > 0
    assert usage.context_used == usage.input_tokens + 10
    assert usage.context_size == 131072
    assert ended(turn).stop_reason == "end_turn"


async def test_a_command_that_needs_no_leave(qwen: Qwen) -> None:
    turn = await qwen.driver.turn("run echo heron\nsay done")
    assert not of(ApprovalRequested, turn)
    (call,) = of(ToolCall, turn)
    assert (call.name, call.kind, call.input["command"]) == ("run_shell_command", "execute", "echo heron")
    last = of(ToolCallUpdate, turn)[-1]
    assert last.status == "completed"
    assert isinstance(last.content[0], TextContent)
    assert "heron" in last.content[0].text
    assert said(turn) == "done"


async def test_a_command_that_asks_with_the_words_of_the_agent(qwen: Qwen) -> None:
    await qwen.driver.prompt("run touch made\nsay done")
    request = await qwen.driver.until(ApprovalRequested)
    assert of(ToolCall, qwen.driver.events)[-1].tool_call_id == request.tool_call_id
    assert request.input["command"] == "touch made"
    assert [(option.name, option.kind) for option in request.options] == [
        ("Always Allow in project: touch *", "allow_always"),
        ("Always Allow for user: touch *", "allow_always"),
        ("Allow", "allow_once"),
        ("Reject", "reject_once"),
    ]
    await qwen.driver.choose(request, "allow_once")
    turn = await qwen.driver.rest_of_turn()
    assert of(ToolCallUpdate, turn)[-1].status == "completed"
    assert (qwen.folder / "made").exists()


async def test_an_edit_is_shown_as_a_diff_before_and_after(qwen: Qwen) -> None:
    deep = qwen.folder / "deep"
    deep.mkdir()
    await qwen.driver.prompt(f"write {deep}/note.txt heron\nsay wrote")
    request = await qwen.driver.until(ApprovalRequested)
    expected = DiffContent(path=str(deep / "note.txt"), old_text="", new_text="heron")
    shown = of(ToolCallUpdate, qwen.driver.events)[-1]
    assert (shown.status, shown.content) == ("in_progress", [expected])
    assert not (deep / "note.txt").exists()
    await qwen.driver.choose(request, "allow_once")
    turn = await qwen.driver.rest_of_turn()
    done = of(ToolCallUpdate, turn)[-1]
    assert (done.status, done.content) == ("completed", [expected])
    assert (deep / "note.txt").read_text() == "heron"


async def test_a_rejected_call_has_failed_before_the_turn_goes_on(qwen: Qwen) -> None:
    turn = await qwen.driver.turn(f"write {qwen.folder}/no.txt heron\nsay as you like", answer="reject_once")
    assert said(turn) == "as you like"
    (update,) = [update for update in of(ToolCallUpdate, turn) if update.status == "failed"]
    assert turn.index(update) < turn.index(of(AgentMessage, turn)[-1])
    assert not (qwen.folder / "no.txt").exists()


async def test_the_list_of_tasks_is_a_plan(qwen: Qwen) -> None:
    turn = await qwen.driver.turn("todo look|wait\nsay noted")
    assert [entry.content for entry in of(Plan, turn)[-1].entries] == ["look", "wait"]


async def test_a_question_is_answered(qwen: Qwen) -> None:
    await qwen.driver.prompt("ask Which bird? Heron|Stork\nsay thanks")
    request = await qwen.driver.until(ApprovalRequested)
    assert request.kind == "question"
    (question,) = request.questions or []
    assert [option.label for option in question.options] == ["Heron", "Stork"]
    option = next(option.id for option in request.options if option.kind == "allow_once")
    await qwen.driver.agent.answer(request.approval, Decision(option=option, answers={question.id: "Stork"}))
    await qwen.driver.rest_of_turn()
    assert "Stork" in json.dumps(qwen.model.requests[-1].body["messages"][-1])


async def test_a_file_goes_with_a_prompt(qwen: Qwen) -> None:
    (qwen.folder / "seen").write_text("The heron stands still")
    mentioned = Attachment(type="file", name="seen", path=str(qwen.folder / "seen"))
    await qwen.driver.agent.prompt(Prompt(message_id="with-file", text="say done", attachments=(mentioned,)))
    assert said(await qwen.driver.rest_of_turn()).startswith("done")
    assert "The heron stands still" in json.dumps(qwen.model.requests[-1].body["messages"][-1])


async def test_a_picture_goes_with_a_prompt_and_a_file_beside_it(qwen: Qwen) -> None:
    picture = Attachment(type="image", name="x.png", mime="image/png", data_url=f"data:image/png;base64,{PICTURE}")
    mentioned = Attachment(type="file", name="made", path=str(qwen.folder / "made"))
    await qwen.driver.agent.prompt(Prompt(message_id="both", text="say done", attachments=(picture, mentioned)))
    await qwen.driver.rest_of_turn()
    sent = json.dumps(qwen.model.requests[-1].body["messages"][-1])
    assert PICTURE in sent
    assert f"@{qwen.folder}/made" in sent


async def test_an_interrupt_ends_prose_and_the_next_prompt_is_taken(qwen: Qwen) -> None:
    await qwen.driver.prompt("say I begin\nhang")
    await qwen.driver.until(Delta)
    await qwen.driver.agent.interrupt()
    assert ended(await qwen.driver.rest_of_turn()).stop_reason == "cancelled"
    assert said(await qwen.driver.turn("say again")) == "again"


async def test_an_interrupt_ends_a_command(qwen: Qwen) -> None:
    mark = qwen.folder / "mark"
    code = f"import os, time; open('{mark}', 'w').write(str(os.getpid())); time.sleep(60)"
    await qwen.driver.prompt(f'run python3 -c "{code}"')
    await qwen.driver.choose(await qwen.driver.until(ApprovalRequested), "allow_once")
    await eventually(lambda: mark.exists() and mark.read_text(), what="the command to run")
    await qwen.driver.agent.interrupt()
    turn = await qwen.driver.rest_of_turn()
    assert ended(turn).stop_reason == "cancelled"
    assert of(ToolCallUpdate, turn)[-1].status == "failed"
    running = Path("/proc") / mark.read_text()
    await eventually(lambda: not running.exists(), what="the command to end")


async def test_an_interrupt_withdraws_what_is_asked(qwen: Qwen) -> None:
    await qwen.driver.prompt(f"write {qwen.folder}/never.txt heron")
    request = await qwen.driver.until(ApprovalRequested)
    await qwen.driver.agent.interrupt()
    turn = await qwen.driver.rest_of_turn()
    (resolved,) = of(ApprovalResolved, turn)
    assert (resolved.approval, resolved.outcome) == (request.approval, "withdrawn")
    assert ended(turn).stop_reason == "cancelled"
    assert of(ToolCallUpdate, turn)[-1].status == "failed"
    assert not (qwen.folder / "never.txt").exists()


async def test_a_mode_holds_from_now_on_and_one_that_is_none_is_refused(qwen: Qwen) -> None:
    with pytest.raises(ProviderFailed, match="has no mode nonsense: its modes are plan, default, auto-edit, yolo"):
        await qwen.driver.agent.set_mode("nonsense")
    await qwen.driver.agent.set_mode("auto-edit")
    turn = await qwen.driver.turn(f"write {qwen.folder}/free.txt heron\nsay done")
    assert not of(ApprovalRequested, turn)
    assert not of(ModeChanged, turn)
    assert (qwen.folder / "free.txt").read_text() == "heron"


async def test_an_approved_plan_tells_the_mode_that_follows(qwen: Qwen) -> None:
    await qwen.driver.agent.set_mode("plan")
    await qwen.driver.prompt("plan Watch the heron\nsay watched")
    request = await qwen.driver.until(ApprovalRequested)
    assert (request.kind, request.input) == ("plan", {"plan": "Watch the heron"})
    option = next(option.id for option in request.options if option.name == "Yes, and manually approve edits")
    await qwen.driver.agent.answer(request.approval, Decision(option=option))
    assert [event.mode for event in of(ModeChanged, await qwen.driver.rest_of_turn())] == ["default"]


async def test_an_error_of_the_model_ends_the_turn_with_the_remedy(qwen: Qwen) -> None:
    turn = await qwen.driver.turn("error 401")
    assert ended(turn).stop_reason == "error"
    assert "run `qwen` and enter /auth" in (ended(turn).error or "")
    assert said(await qwen.driver.turn("error 500 1\nsay after all")) == "after all"


async def test_it_tells_what_it_can_do(qwen: Qwen) -> None:
    info = await qwen.provider.describe(is_awaited=True)
    assert info.available, info.reason
    assert (info.id, info.tag, info.version) == ("qwen", "QW", "0.15.10")
    assert [(mode.id, mode.risk, mode.is_default) for mode in info.modes] == [
        ("plan", False, False),
        ("default", False, True),
        ("auto-edit", False, False),
        ("yolo", True, False),
    ]
    assert sum(model.is_default for model in info.models) == 1
    assert {"images", "interrupt", "resume", "questions"} <= set(info.features)
    assert "fork" not in info.features
    assert qwen.driver.states[-1].commands


async def test_death_ends_the_turn_and_another_process_goes_on(qwen: Qwen) -> None:
    await qwen.driver.prompt("say I begin\nhang")
    await qwen.driver.until(Delta)
    os.kill(qwen.started[0].pid, 9)
    with pytest.raises(ProviderFailed, match="ended by signal 9: the next prompt starts it again and resumes"):
        await qwen.driver.rest()
    assert ended(qwen.driver.events).stop_reason == "error"
    native_id = of(NativeIdKnown, qwen.driver.events)[0].native_id
    qwen.driver = await qwen.open(SessionSpec(path=qwen.folder, native_id=native_id, mode="default"))
    turn = await qwen.driver.turn("recall")
    assert "say I begin" in said(turn), "it remembers the turn that it died in"
    assert len(of(AgentMessage, turn)) == 1, "what was said before is not told again"
    assert not of(Notice, turn)
    assert qwen.ended == qwen.started[:1]
