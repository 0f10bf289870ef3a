"""Tokens and cost: totals of the native session, a fork's with those of what it was forked from.

The CLI counts for its process and keeps its totals in the transcript when it ends; one that was killed has not, and
counts again from what the one before it had kept.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from claude_agent_sdk import AssistantMessage, ResultMessage
from msgspec.structs import replace

from ws.protocol.events import Usage


def context_used(message: AssistantMessage) -> int | None:
    """Tokens in the context after this message; None when the message was not made by a model."""
    usage = message.usage or {}
    counted = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
    return sum(usage.get(field) or 0 for field in counted) or None


def totals(message: ResultMessage, context_tokens: int | None) -> Usage | None:
    """Totals over all models; None before any model was asked."""
    models = list((message.model_usage or {}).values())
    if not models:
        return None
    return Usage(
        input_tokens=_input_tokens(models),
        output_tokens=_output_tokens(models),
        cost_usd=message.total_cost_usd,
        context_used=context_tokens,
        context_size=max(model["contextWindow"] for model in models),
    )


def missing(told: Usage, answer: Mapping[str, Any]) -> Usage:
    """What was told before and is not in the totals that a new process begins with (its answer to `get_usage`)."""
    session = answer.get("session") or {}
    models = list((session.get("model_usage") or {}).values())
    return Usage(
        input_tokens=max(0, told.input_tokens - _input_tokens(models)),
        output_tokens=max(0, told.output_tokens - _output_tokens(models)),
        cost_usd=max(0.0, (told.cost_usd or 0.0) - (session.get("total_cost_usd") or 0.0)),
    )


def added(counted: Usage, before: Usage) -> Usage:
    """`counted` with what the process does not know of."""
    cost_usd = None if counted.cost_usd is None else counted.cost_usd + (before.cost_usd or 0.0)
    return replace(
        counted,
        input_tokens=counted.input_tokens + before.input_tokens,
        output_tokens=counted.output_tokens + before.output_tokens,
        cost_usd=cost_usd,
    )


def _input_tokens(models: Iterable[Mapping[str, Any]]) -> int:
    return sum(
        model["inputTokens"] + model["cacheReadInputTokens"] + model["cacheCreationInputTokens"] for model in models
    )


def _output_tokens(models: Iterable[Mapping[str, Any]]) -> int:
    return sum(model["outputTokens"] for model in models)
