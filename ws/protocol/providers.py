"""What a node's agents can do; the page shows exactly this and knows no provider by name."""

from ws.protocol.base import NodeKey, Struct


class ProvidersListParams(Struct, frozen=True, kw_only=True):
    node: NodeKey


class Model(Struct, frozen=True, kw_only=True):
    """`id` is what session.create takes; `efforts` is empty when the model has none."""

    id: str
    name: str
    efforts: list[str]
    is_default: bool


class Mode(Struct, frozen=True, kw_only=True):
    """A permission mode. `risk` is true when the agent then acts without asking."""

    id: str
    name: str
    description: str
    risk: bool
    is_default: bool


class SlashCommand(Struct, frozen=True, kw_only=True):
    name: str
    description: str


class ProviderInfo(Struct, frozen=True, kw_only=True):
    """`reason` says why it is not available and how to mend it. `tag` is the two-letter mark of the page.

    `note` says what is reduced in the way that this agent is used here, and why.

    `modes` go from careful to permissive: a node's `policy.max_mode` allows a mode and those before it.
    `features` is an open list: images, thinking, interrupt, resume, questions, plan, queue …
    """

    id: str
    name: str
    tag: str
    available: bool
    reason: str | None = None
    note: str | None = None
    version: str | None = None
    models: list[Model]
    modes: list[Mode]
    commands: list[SlashCommand]
    features: list[str]


class ProvidersListResult(Struct, frozen=True, kw_only=True):
    providers: list[ProviderInfo]
