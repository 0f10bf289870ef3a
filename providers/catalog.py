"""Which agents this node has, by its configuration (passed in as plain values)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from providers.acp.provider import AcpProvider, AcpSettings
from providers.base import Provider
from providers.claude.provider import ClaudeProvider, ClaudeSettings
from providers.codex.provider import CodexProvider, CodexSettings
from providers.scripted.provider import ScriptedProvider, ScriptedSettings
from providers.tasks import TaskStarter
from ws.protocol.providers import ProviderInfo


@dataclass(frozen=True)
class CatalogSettings:
    """None: that provider is switched off."""

    claude: ClaudeSettings | None = field(default_factory=ClaudeSettings)
    codex: CodexSettings | None = None
    acp: Mapping[str, AcpSettings] = field(default_factory=dict)
    """By name."""

    scripted: ScriptedSettings | None = None


class ProviderCatalog:
    """The providers of a node, in the order in which a page offers them."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self._providers = {provider.id: provider for provider in providers}

    @property
    def ids(self) -> list[str]:
        """In the order in which a page offers them."""
        return list(self._providers)

    def get(self, provider: str) -> Provider | None:
        """None when the node has no such provider or it is switched off."""
        return self._providers.get(provider)

    async def describe(self) -> list[ProviderInfo]:
        """All of them, asked at the same time: at most 2 s at first, microseconds later."""
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(provider.describe()) for provider in self._providers.values()]
        return [task.result() for task in asked]

    async def close(self) -> None:
        for provider in self._providers.values():
            await provider.close()


def build_catalog(
    settings: CatalogSettings, *, environment: Mapping[str, str], start_task: TaskStarter
) -> ProviderCatalog:
    """`environment` is the node's own; agents get it less what is ours. `start_task` owns what agents run."""
    providers: list[Provider] = []
    if settings.claude is not None:
        providers.append(ClaudeProvider(settings.claude, environment, start_task))
    if settings.codex is not None:
        providers.append(CodexProvider(settings.codex, environment, start_task))
    providers += [AcpProvider(name, each, environment, start_task) for name, each in sorted(settings.acp.items())]
    if settings.scripted is not None:
        providers.append(ScriptedProvider(settings.scripted, start_task))
    return ProviderCatalog(providers)
