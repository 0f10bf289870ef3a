"""Keys are set in a file whose comments, order and other values stay."""

import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import MAIN_SETTINGS
from configs.editing import edit_file, edited
from configs.generate import example
from configs.table import ConfigError

VALUES = {"server.tls_cert": "/tls/server.pem", "server.tls_key": "/tls/key.pem"}
NEW_SECTION = '[server]\ntls_cert = "/tls/server.pem"\ntls_key = "/tls/key.pem"\n'


def test_a_key_in_an_example_is_set_where_its_comment_stands() -> None:
    text = example("main", MAIN_SETTINGS)
    made = edited(text, VALUES)
    changed = [(old, new) for old, new in zip(text.splitlines(), made.splitlines(), strict=True) if old != new]
    assert changed == [
        ('#tls_cert = "…"', 'tls_cert = "/tls/server.pem"'),
        ('#tls_key = "…"', 'tls_key = "/tls/key.pem"'),
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", NEW_SECTION),
        (
            "# mine\n[log]\nlevel = 'debug' # loud\n",
            "# mine\n[log]\nlevel = 'debug' # loud\n\n" + NEW_SECTION,
        ),
        (
            '[server] # where\ntls_key = "old" # key\nport = 0x50\n',
            '[server] # where\ntls_key = "/tls/key.pem" # key\nport = 0x50\ntls_cert = "/tls/server.pem"\n',
        ),
        (
            "server = { port = 80 }\n",
            'server = { port = 80 , tls_cert = "/tls/server.pem", tls_key = "/tls/key.pem"}\n',
        ),
    ],
)
def test_what_stands_there_stays(text: str, wanted: str) -> None:
    assert tomllib.loads(edited(text, VALUES)) == tomllib.loads(wanted)
    if "{" not in text:
        assert edited(text, VALUES) == wanted
    assert edited(edited(text, VALUES), VALUES) == edited(text, VALUES), "again changes nothing"


def test_dotted_keys_and_sections_in_pieces_keep_their_other_values() -> None:
    text = "server.port = 80\n[log]\nlevel = 'info'\n"
    assert tomllib.loads(edited(text, VALUES))["server"]["port"] == 80
    text = '[node]\nid = "a"\n[log]\nlevel = "info"\n[node.labels]\nroom = "x"\n'
    made = tomllib.loads(edited(text, {"node.name": "b"}))
    assert made["node"] == {"id": "a", "name": "b", "labels": {"room": "x"}}


def test_a_key_can_be_taken_out() -> None:
    assert edited('[node]\nid = "a" # mine\ntls_ca = "x"\n', {"node.tls_ca": None}) == '[node]\nid = "a" # mine\n'
    assert edited("", {"node.tls_ca": None}) == ""


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00")))
def test_any_text_can_be_a_value(value: str) -> None:
    assert tomllib.loads(edited("[node]\n", {"node.register_token": value}))["node"]["register_token"] == value


def test_a_file_is_made_for_its_owner_alone_and_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "configs" / "main.toml"
    edit_file(path, VALUES, has_secrets=False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    for has_secrets, mode in ((False, 0o644), (True, 0o600)):
        edit_file(path, VALUES, has_secrets=has_secrets)
        assert stat.S_IMODE(path.stat().st_mode) == mode
    assert [each.name for each in path.parent.iterdir()] == ["main.toml"]


def test_a_link_to_a_file_elsewhere_stays_a_link(tmp_path: Path) -> None:
    there = tmp_path / "there.toml"
    there.write_text("[log]\n")
    link = tmp_path / "main.toml"
    link.symlink_to(there)
    edit_file(link, VALUES, has_secrets=True)
    assert link.is_symlink()
    assert "tls_cert" in there.read_text()


def test_what_cannot_be_edited_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "main.toml"
    for text in ("[server\n", 'server = "x"\n', "[[server]]\nport = 1\n"):
        path.write_text(text)
        with pytest.raises(ConfigError, match=r"main\.toml cannot be changed: "):
            edit_file(path, VALUES, has_secrets=True)
        assert path.read_text() == text
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="cannot be changed"):
        edit_file(path, VALUES, has_secrets=True)
