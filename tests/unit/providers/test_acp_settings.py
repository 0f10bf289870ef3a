"""Modes in the order that a node's policy needs, and how settings are chosen, by what agents were seen to offer."""

import pytest

from providers.acp.settings import Settings
from providers.base import ProviderFailed


def offering(*modes: str, current: str = "") -> Settings:
    settings = Settings("Heron")
    listed = [{"id": mode, "name": mode.title()} for mode in modes]
    settings.learn({"modes": {"currentModeId": current or modes[0], "availableModes": listed}})
    return settings


def option(category: str, *values: str, **more: object) -> dict[str, object]:
    listed = [{"value": value, "name": value} for value in values]
    about = {"id": f"the-{category}", "category": category, "type": "select", "currentValue": values[0]}
    return {**about, "options": listed, **more}


@pytest.mark.parametrize(
    ("offered", "ordered", "risky"),
    [
        (("yolo", "auto-edit", "default", "plan"), ["plan", "default", "auto-edit", "yolo"], ["yolo"]),
        (("auto", "approve", "smart_approve", "chat"), ["chat", "approve", "auto", "smart_approve"], ["auto", "smart"]),
        (("bypassPermissions", "default", "acceptEdits"), ["default", "acceptEdits", "bypassPermissions"], ["bypass"]),
        (("agent-full-access", "read-only", "agent"), ["read-only", "agent", "agent-full-access"], ["full"]),
        (("https://x/plan-modes#agent", "https://x/modes#plan"), ["#plan", "#agent"], []),
        (("build", "plan"), ["plan", "build"], ["build"]),
    ],
)
def test_modes_go_from_careful_to_permissive(offered: tuple[str, ...], ordered: list[str], risky: list[str]) -> None:
    modes = offering(*offered).modes()
    assert len(modes) == len(ordered)
    assert all(mode.id.endswith(end) for mode, end in zip(modes, ordered, strict=True))
    assert [mode.id for mode in modes if mode.risk] == [
        mode.id for mode in modes if any(word in mode.id for word in risky)
    ]
    assert [mode.id for mode in modes if mode.is_default] == [offered[0]]


def test_modes_are_chosen_as_modes_and_models_as_options_where_both_are_told() -> None:
    settings = offering("ask", "plan")
    models = {"currentModelId": "a", "availableModels": [{"modelId": "a", "_meta": {"contextLimit": 9}}]}
    options = [option("mode", "ask", "plan"), option("model", "a", "b"), option("thought_level", "low", "high")]
    settings.learn({"models": models, "configOptions": options})
    assert settings.mode_request("plan") == ("session/set_mode", {"modeId": "plan"})
    assert settings.model_requests("b", "high") == [
        ("session/set_config_option", {"configId": "the-model", "value": "b"}),
        ("session/set_config_option", {"configId": "the-thought_level", "value": "high"}),
    ]
    assert settings.model_requests("a", "low") == []
    assert [model.efforts for model in settings.models()] == [["low", "high"], ["low", "high"]]
    assert settings.context_size == 9


def test_a_model_that_is_not_named_is_the_one_at_the_beginning() -> None:
    settings = Settings("Heron")
    settings.learn({"models": {"currentModelId": "a", "availableModels": [{"modelId": "a"}, {"modelId": "b"}]}})
    assert settings.model is not None
    settings.model.current = "b"
    assert settings.model_requests(None, None) == [("session/set_model", {"modelId": "a"})]


def test_options_in_groups_are_laid_out_flat_and_odd_ones_are_left_out() -> None:
    grouped = [{"group": "g", "name": "G", "options": [{"value": "a", "name": "A"}]}]
    settings = Settings("Heron")
    settings.learn(
        {"configOptions": [option("model", "x") | {"options": grouped}, option("mode", "y", type="boolean")]}
    )
    assert [model.id for model in settings.models()] == ["a"]
    assert settings.modes() == []
    with pytest.raises(ProviderFailed, match="Heron has no mode y: it has no modes"):
        settings.mode_request("y")
