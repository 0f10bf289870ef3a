"""Agents known by name, in the two places that know them."""

from pathlib import Path

from configs.checks import KNOWN_ACP_AGENTS
from providers.acp.locate import find_command
from providers.acp.presets import PRESETS, id_of, preset_of


def test_the_configuration_knows_the_same_names() -> None:
    assert tuple(sorted(PRESETS)) == KNOWN_ACP_AGENTS


def test_each_has_a_tag_of_two_letters_and_no_id_of_another_provider() -> None:
    tags = [preset_of(name).tag for name in [*PRESETS, "heron", "x", "9"]]
    assert all(len(tag) == 2 and tag.isupper() for tag in tags)
    assert len({preset.tag for preset in PRESETS.values()} | {"CC", "CX", "SC"}) == len(PRESETS) + 3
    assert [id_of(name) for name in ("qwen", "claude", "codex")] == ["qwen", "acp-claude", "acp-codex"]


def test_a_program_is_found_on_the_path_and_then_among_the_tools(tmp_path: Path) -> None:
    installed = tmp_path / "tools" / "heron" / "node_modules" / ".bin" / "heron"
    installed.parent.mkdir(parents=True)
    installed.touch(mode=0o700)
    on_path = tmp_path / "bin" / "heron"
    assert find_command(("heron", "--acp"), {"PATH": str(on_path.parent)}, tmp_path / "tools") == (
        str(installed),
        "--acp",
    )
    on_path.parent.mkdir()
    on_path.touch(mode=0o700)
    assert find_command(("heron", "--acp"), {"PATH": str(on_path.parent)}, tmp_path / "tools") == (
        str(on_path),
        "--acp",
    )
    assert find_command(("stork",), {"PATH": str(on_path.parent)}, tmp_path / "tools") is None
    assert find_command((), {}, None) is None
