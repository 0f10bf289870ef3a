"""What follows from the table of settings: help, examples, the table in README.md."""

import tomllib
from pathlib import Path

import pytest

from config import MAIN_SETTINGS, NODE_SETTINGS, load_main, load_node
from configs import generate
from configs.when import WHEN


def test_help_names_every_key_and_version_the_build(capsys: pytest.CaptureFixture[str]) -> None:
    for load, settings in ((load_main, MAIN_SETTINGS), (load_node, NODE_SETTINGS)):
        with pytest.raises(SystemExit, match="0"):
            load(["--help"], {})
        shown = capsys.readouterr().out
        assert [setting.key for setting in settings if setting.key not in shown] == []
    with pytest.raises(SystemExit, match="0"):
        load_main(["--version"], {})
    project = tomllib.loads(Path(__file__).parents[2].joinpath("pyproject.toml").read_text(encoding="utf-8"))
    assert capsys.readouterr().out == f"Switchyard {project['project']['version']}\n"


def test_every_setting_says_what_it_is_and_no_two_share_a_variable() -> None:
    for settings in (MAIN_SETTINGS, NODE_SETTINGS):
        assert all(setting.about.help and setting.allowed for setting in settings)
        assert len({setting.environment_name for setting in settings}) == len(settings)


def test_sentences_on_when_to_set_a_key_are_of_keys() -> None:
    assert set(WHEN) <= {setting.key for setting in (*MAIN_SETTINGS, *NODE_SETTINGS)}


def test_generated_files_are_up_to_date() -> None:
    stale = [path.name for path, content in generate.generated().items() if path.read_text("utf-8") != content]
    assert stale == [], "run: make gen"


def test_every_default_in_an_example_can_be_switched_on(tmp_path: Path) -> None:
    text = "\n".join(
        line.removeprefix("#") if line.startswith("#") and line[1:2].isalpha() and "…" not in line else line
        for line in generate.example("main", MAIN_SETTINGS).splitlines()
    )
    path = tmp_path / "main.toml"
    path.write_text(text, encoding="utf-8")
    assert load_main(["--config", str(path)], {}).server == load_main([], {}).server
