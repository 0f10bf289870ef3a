"""Tokens and cost, as the CLI counts them for its whole process."""

from claude_agent_sdk import AssistantMessage, ResultMessage

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
        input_tokens=sum(
            model["inputTokens"] + model["cacheReadInputTokens"] + model["cacheCreationInputTokens"] for model in models
        ),
        output_tokens=sum(model["outputTokens"] for model in models),
        cost_usd=message.total_cost_usd,
        context_used=context_tokens,
        context_size=max(model["contextWindow"] for model in models),
    )
