"""Every key of the table can be given as a variable."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_origin

import pytest

from config import MAIN_SETTINGS, NODE_SETTINGS, load_main, load_node
from configs.table import Setting, plain
from tests.support.certificates import issue


@pytest.fixture(autouse=True)
def _no_own_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("config.PROGRAM_FOLDER", tmp_path)


def _sample(setting: Setting, folder: Path) -> tuple[str, Any]:
    """A text for the environment that is not the default, and the value that it gives."""
    given: dict[str, tuple[str, Any]] = {
        "server.host": ("127.0.0.2", "127.0.0.2"),
        "server.public_url": ("https://yard.example", "https://yard.example"),
        "server.base_path": ("/yard", "/yard"),
        "server.trusted_proxies": ('["10.0.0.0/8"]', ("10.0.0.0/8",)),
        "main.node_addresses": ('["ws://10.0.0.5:1"]', ("ws://10.0.0.5:1",)),
        "node.main_server_url": ("http://10.0.0.5:1", "http://10.0.0.5:1"),
        "node.main_register_url": ("http://10.0.0.5:2", "http://10.0.0.5:2"),
        "node.capabilities": ('["files", "git"]', ("files", "git")),
        "filesystem.roots": ('["/srv"]', (Path("/srv"),)),
        "terminal.keep": ("node", "node"),
        "log.level": ("debug", "debug"),
        "log.format": ("json", "json"),
    }
    if setting.key in given:
        return given[setting.key]
    kind = plain(setting.type)
    if setting.key.endswith(("tls_cert", "tls_key", "tls_ca")):
        return str(folder / "made.pem"), folder / "made.pem"
    if kind is Path:
        return str(folder / "x"), folder / "x"
    if kind is bool:
        return ("false", False) if setting.default else ("true", True)
    if kind is int:
        return "65536" if setting.key.endswith("bytes") else "4242", 65536 if setting.key.endswith("bytes") else 4242
    if get_origin(kind) is tuple:
        return '["one", "two"]', ("one", "two")
    if get_origin(kind) is Mapping:
        return '{"a": "b"}', {"a": "b"}
    return "x" * 40, "x" * 40


@pytest.mark.parametrize("role", ["main", "node"])
def test_every_setting_can_be_given_in_the_environment(tmp_path: Path, role: str) -> None:
    issue(tmp_path, "made")
    settings, load = (MAIN_SETTINGS, load_main) if role == "main" else (NODE_SETTINGS, load_node)
    pair = {"server.tls_cert": "server.tls_key", "server.tls_key": "server.tls_cert"}
    for setting in settings:
        text, expected = _sample(setting, tmp_path)
        environ = {"SWITCHYARD_NODE_MAIN_SERVER_URL": "http://127.0.0.1:1", setting.environment_name: text}
        if setting.key in pair:
            environ["SWITCHYARD_" + pair[setting.key].upper().replace(".", "_")] = text
        if setting.has_chosen_name:
            environ["SWITCHYARD_PROVIDERS_ACP_NAME_COMMAND"] = '["one", "two"]'
        found: Any = load([], environ)
        for part in setting.key.replace("NAME", "name").split("."):
            found = found[part] if isinstance(found, Mapping) else getattr(found, part)
        assert found == expected, setting.key
        assert expected != setting.default, "a value that shows"
