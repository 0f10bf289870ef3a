"""What Claude Code on this machine can do, asked of the CLI itself without asking any model.

The CLI is started for the question alone: no project, no hooks, no MCP servers, and nothing is sent to the model's API.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from providers.base import ProviderFailed
from providers.claude import errors
from providers.claude.options import DEFAULT_MODEL, STREAM_ARGUMENTS
from providers.program import Launch, Program
from providers.tasks import TaskStarter
from ws.protocol.providers import Mode, Model, ProviderInfo, SlashCommand

NAME = "Claude Code"
TAG = "CC"
FEATURES = [
    "approvals", "effort", "fork", "images", "interrupt", "plan", "questions", "resume", "rewind", "servers", "steer",
    "tasks", "thinking",
]  # fmt: skip
MAX_DESCRIPTION_CHARS = 200
MAX_COMMANDS = 300

BYPASS = "bypassPermissions"
_MODES = [
    Mode(
        id="plan",
        name="Plan",
        description="Reads and plans, and changes nothing before you approve the plan.",
        risk=False,
        is_default=False,
    ),
    Mode(
        id="dontAsk",
        name="Only what is allowed",
        description="Does what the rules allow and refuses the rest without asking.",
        risk=False,
        is_default=False,
    ),
    Mode(
        id="default",
        name="Ask",
        description="Asks before it edits files or runs commands.",
        risk=False,
        is_default=True,
    ),
    Mode(
        id="acceptEdits",
        name="Accept edits",
        description="Edits files in the folder without asking; asks before other commands.",
        risk=False,
        is_default=False,
    ),
    Mode(
        id="auto",
        name="Automatic",
        description="A model decides what needs no asking.",
        risk=True,
        is_default=False,
    ),
    Mode(
        id=BYPASS,
        name="Never ask",
        description="Does everything without asking. Only for a machine that may be lost.",
        risk=True,
        is_default=False,
    ),
]
"""From careful to permissive: a node's `policy.max_mode` allows a mode and those before it."""

_HANDSHAKE_ID = "describe"
_HANDSHAKE = msgspec.json.encode(
    {"type": "control_request", "request_id": _HANDSHAKE_ID, "request": {"subtype": "initialize", "hooks": None}}
)


async def handshake(
    command: tuple[str, ...], environment: Mapping[str, str], start_task: TaskStarter, about: Sequence[str] = ()
) -> Mapping[str, Any]:
    """The CLI's answer to `initialize`: models, commands, account, version. Raises :class:`ProviderFailed`.

    `about` are further arguments, to see whether it starts with them.
    """
    only_the_question = ("--setting-sources=user", "--strict-mcp-config", '--settings={"disableAllHooks":true}')
    launch = Launch(NAME, command, Path.home(), environment, (*STREAM_ARGUMENTS, *only_the_question, *about))
    process = Program(launch, start_task)
    await process.start()
    try:
        await process.write(_HANDSHAKE + b"\n")
        async for line in process.lines():
            response = _response(line)
            if response is not None:
                return response
        raise await _no_answer(process)
    except OSError as error:
        raise await _no_answer(process) from error
    finally:
        await process.close()


async def _no_answer(process: Program) -> ProviderFailed:
    return errors.process_failure(await process.ended(), errors.NO_ANSWER) or ProviderFailed(
        f"Claude Code ended without an answer: {errors.NO_ANSWER}."
    )


def describe(answer: Mapping[str, Any], command: tuple[str, ...], *, can_bypass: bool) -> ProviderInfo:
    """From the answer of the handshake with the CLI that `command` starts."""
    account = answer.get("account") or {}
    is_signed_in = bool(
        account.get("apiKeySource")
        or account.get("tokenSource", "none") != "none"
        or account.get("apiProvider", "firstParty") != "firstParty"
    )
    return _info(
        reason=None if is_signed_in else errors.not_signed_in(command),
        version=answer.get("claude_code_version"),
        models=[_model(model) for model in answer.get("models", ())],
        modes=[mode for mode in _MODES if can_bypass or mode.id != BYPASS],
        commands=[slash_command(command) for command in answer.get("commands", ())[:MAX_COMMANDS]],
    )


def unavailable(reason: str) -> ProviderInfo:
    return _info(reason=reason, version=None, models=[], modes=[], commands=[])


def _info(
    reason: str | None, version: str | None, models: list[Model], modes: list[Mode], commands: list[SlashCommand]
) -> ProviderInfo:
    return ProviderInfo(
        id="claude",
        name=NAME,
        tag=TAG,
        available=reason is None,
        reason=reason,
        version=version,
        models=models,
        modes=modes,
        commands=commands,
        features=FEATURES,
    )


def _response(line: bytes) -> Mapping[str, Any] | None:
    try:
        response = msgspec.json.decode(line, type=dict[str, Any]).get("response")
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
    if not isinstance(response, dict) or response.get("request_id") != _HANDSHAKE_ID:
        return None
    answer = response.get("response")
    return answer if isinstance(answer, dict) else {}


def _model(model: Mapping[str, Any]) -> Model:
    return Model(
        id=str(model.get("value")),
        name=str(model.get("displayName") or model.get("value")),
        efforts=list(model.get("supportedEffortLevels") or ()) if model.get("supportsEffort") else [],
        is_default=model.get("value") == DEFAULT_MODEL,
    )


def slash_command(command: Mapping[str, Any]) -> SlashCommand:
    """One of the commands in the answer of the handshake."""
    description = str(command.get("description") or "")[:MAX_DESCRIPTION_CHARS]
    return SlashCommand(name=str(command.get("name")), description=description)
