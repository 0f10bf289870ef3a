"""Modes, models and efforts of one session: what the agent offers, what is chosen, and how another one is chosen.

Agents tell them in two ways, `modes` and `models` of a session or its `configOptions` by category; some in both. Modes
are chosen by `session/set_mode` where there are `modes`; models by the config option where there is one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from providers.acp.fields import table, tables, text
from providers.base import ProviderFailed
from providers.levels import Level, level_of_name
from ws.protocol.providers import Mode, Model

MAX_OFFERED = 300
MAX_DESCRIPTION_CHARS = 200

Request = tuple[str, dict[str, Any]]
"""Method and parameters, without the session."""

_MODE, _MODEL, _EFFORT = "mode", "model", "thought_level"


@dataclass(frozen=True)
class Offer:
    """One value that may be chosen."""

    id: str
    name: str
    description: str = ""
    context_size: int | None = None


@dataclass
class Choice:
    """What may be chosen, in the agent's order. `option` is the id of its config option, None for a plain list."""

    offers: Sequence[Offer]
    current: str | None
    option: str | None = None

    def knows(self, value: str) -> bool:
        return any(offer.id == value for offer in self.offers)


@dataclass
class Settings:
    """The state of one session's settings."""

    name: str
    mode: Choice | None = None
    model: Choice | None = None
    effort: Choice | None = None
    default_model: str | None = None
    _plain: dict[str, Choice] = field(default_factory=dict)

    def learn(self, told: Mapping[str, Any]) -> None:
        """From the answer to session/new, session/load or session/set_config_option, or an update of the options."""
        if modes := table(told, "modes"):
            self._plain[_MODE] = _plain(modes, "availableModes", "id", "currentModeId")
        if models := table(told, "models"):
            self._plain[_MODEL] = _plain(models, "availableModels", "modelId", "currentModelId")
        options = {text(option, "category"): option for option in reversed(tables(told, "configOptions"))}
        self.mode = self._plain.get(_MODE) or _of_option(options.get(_MODE)) or self.mode
        self.model = _of_option(options.get(_MODEL)) or self.model or self._plain.get(_MODEL)
        self.effort = _of_option(options.get(_EFFORT)) or self.effort
        if self.default_model is None and self.model is not None:
            self.default_model = self.model.current

    def mode_request(self, mode: str) -> Request:
        """How to choose this mode. Raises :class:`ProviderFailed` when the agent has none such."""
        if self.mode is None or not self.mode.knows(mode):
            known = ", ".join(offer.id for offer in self.mode.offers) if self.mode else ""
            has = f"its modes are {known}" if known else "it has no modes"
            raise ProviderFailed(f"{self.name} has no mode {mode[:64]}: {has}.")
        if self.mode.option is None:
            return "session/set_mode", {"modeId": mode}
        return _set_option(self.mode.option, mode)

    def model_requests(self, model: str | None, effort: str | None) -> list[Request]:
        """How to choose them; None is the agent's own choice. Raises :class:`ProviderFailed` for unknown ones."""
        requests: list[Request] = []
        wanted = model if model is not None else self.default_model
        if wanted is not None and (self.model is None or not self.model.knows(wanted)):
            raise ProviderFailed(f"{self.name} has no model {wanted[:64]}: choose one of its list.")
        if wanted is not None and self.model is not None and wanted != self.model.current:
            if self.model.option is None:
                requests.append(("session/set_model", {"modelId": wanted}))
            else:
                requests.append(_set_option(self.model.option, wanted))
        if effort is not None:
            if self.effort is None or self.effort.option is None or not self.effort.knows(effort):
                raise ProviderFailed(f"{self.name} has no effort {effort[:64]}: choose one of its list.")
            if effort != self.effort.current:
                requests.append(_set_option(self.effort.option, effort))
        return requests

    @property
    def context_size(self) -> int | None:
        """Of the chosen model, in tokens, when the agent tells it."""
        if self.model is None:
            return None
        plain = self._plain.get(_MODEL)
        offers = [
            *self.model.offers,
            *(plain.offers if plain else ()),
        ]  # only the plain list has it in Qwen Code 0.15.10
        sizes = (offer.context_size for offer in offers if offer.id == self.model.current)
        return next((size for size in sizes if size is not None), None)

    def modes(self) -> list[Mode]:
        """From careful to permissive, as the node's policy needs them; of equals the agent's order holds."""
        if self.mode is None:
            return []
        ranked = sorted(self.mode.offers, key=lambda offer: level_of_name(offer.id))
        return [
            Mode(
                id=offer.id,
                name=offer.name,
                description=offer.description,
                risk=level_of_name(offer.id) >= Level.AUTO,
                is_default=offer.id == self.mode.current,
            )
            for offer in ranked
        ]

    def models(self) -> list[Model]:
        if self.model is None:
            return []
        efforts = [offer.id for offer in self.effort.offers] if self.effort else []
        return [
            Model(id=offer.id, name=offer.name, efforts=efforts, is_default=offer.id == self.model.current)
            for offer in self.model.offers
        ]


def _plain(told: Mapping[str, Any], offers: str, key: str, current: str) -> Choice:
    return Choice([_offer(each, key) for each in tables(told, offers)[:MAX_OFFERED]], text(told, current) or None)


def _of_option(option: Mapping[str, Any] | None) -> Choice | None:
    """A config option of type select, its groups laid out flat."""
    if option is None or option.get("type", "select") != "select":
        return None
    entries = [
        entry
        for each in tables(option, "options")
        for entry in (tables(each, "options") if "options" in each else [each])
    ]
    offers = [_offer(each, "value") for each in entries[:MAX_OFFERED]]
    return Choice(offers, text(option, "currentValue") or None, text(option, "id"))


def _offer(told: Mapping[str, Any], key: str) -> Offer:
    limit = table(told, "_meta").get("contextLimit")
    return Offer(
        text(told, key),
        text(told, "name") or text(told, key),
        text(told, "description")[:MAX_DESCRIPTION_CHARS],
        limit if isinstance(limit, int) else None,
    )


def _set_option(option: str, value: str) -> Request:
    return "session/set_config_option", {"configId": option, "value": value}
