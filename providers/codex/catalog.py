"""What Codex on this machine can do, asked of its app-server without asking any model."""

from collections.abc import Mapping, Sequence
from typing import Any

from providers.codex import commands, errors, modes
from providers.codex.rpc import CallRefused, Connection
from providers.codex.settings import DEFAULT_MODEL
from ws.protocol.providers import Model, ProviderInfo

NAME = "Codex"
TAG = "CX"
FEATURES = [
    "app-server", "approvals", "background", "effort", "fork", "images", "interrupt", "plan", "questions", "resume",
    "rewind", "steer", "thinking",
]  # fmt: skip
EXEC_FEATURES = ["effort", "exec", "interrupt", "resume", "thinking"]
MAX_MODELS = 200


async def ask(connection: Connection, command: Sequence[str], version: str | None) -> ProviderInfo:
    """Raises :class:`CallRefused`, TimeoutError and :class:`ProviderFailed`."""
    listed = await connection.call("model/list", limit=MAX_MODELS)
    account = await connection.call("account/read")
    try:
        config = (await connection.call("config/read")).get("config") or {}
    except CallRefused:  # such as a config.toml that does not parse: the session will say so
        config = {}
    is_signed_in = bool(account.get("account")) or not account.get("requiresOpenaiAuth")
    return info(
        reason=None if is_signed_in else errors.not_signed_in(command),
        version=version,
        models=models(listed.get("data") or (), config.get("model")),
        has_app_server=True,
    )


def models(listed: Sequence[Mapping[str, Any]], configured: str | None) -> list[Model]:
    """As Codex offers them; the one of the user's own configuration is the default."""
    shown = [model for model in listed if not model.get("hidden") or model.get("id") == configured]
    default = configured or next((model.get("id") for model in shown if model.get("isDefault")), None)
    found = [_model(model, default) for model in shown]
    if configured and all(model.id != configured for model in found):
        found.insert(0, Model(id=configured, name=configured, efforts=[], is_default=True))
    return found


def info(
    *, reason: str | None, version: str | None, models: list[Model], has_app_server: bool, note: str | None = None
) -> ProviderInfo:
    """`note` says why Codex is used in a reduced way."""
    return ProviderInfo(
        id="codex",
        name=NAME,
        tag=TAG,
        available=reason is None,
        reason=reason,
        note=note,
        version=version,
        models=models,
        modes=modes.modes(asks=has_app_server),
        commands=commands.LISTED if has_app_server else [],
        features=FEATURES if has_app_server else EXEC_FEATURES,
    )


def reduced(version: str, note: str) -> ProviderInfo:
    """By `codex exec`, which does not list its models."""
    default = Model(id=DEFAULT_MODEL, name="As configured", efforts=[], is_default=True)
    return info(reason=None, version=version, models=[default], has_app_server=False, note=note)


def unavailable(reason: str) -> ProviderInfo:
    return info(reason=reason, version=None, models=[], has_app_server=True)


def _model(model: Mapping[str, Any], default: str | None) -> Model:
    efforts = model.get("supportedReasoningEfforts") or ()
    return Model(
        id=str(model.get("id")),
        name=str(model.get("displayName") or model.get("id")),
        efforts=[str(effort.get("reasoningEffort")) for effort in efforts],
        is_default=model.get("id") == default,
    )
