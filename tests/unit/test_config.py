"""The settings: sources and their order, the sentences for what cannot be used, and what children get."""

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import (
    MAIN_SETTINGS,
    NODE_SETTINGS,
    ConfigError,
    MainConfig,
    NodeConfig,
    Provider,
    child_environment,
    load_main,
    load_node,
    local_node_environment,
    make_data_folder,
    or_exit,
)

SECRET = "s3cret-that-nobody-may-read-anywhere"


@pytest.fixture(autouse=True)
def _no_own_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A developer's own configs/*.toml must not change what these tests see."""
    monkeypatch.setattr("config.PROGRAM_FOLDER", tmp_path)


def _main(tmp_path: Path, text: str, *argv: str, **environ: str) -> MainConfig:
    return load_main(["--config", str(_file(tmp_path, text)), *argv], environ)


def _node(tmp_path: Path, text: str, *argv: str, **environ: str) -> NodeConfig:
    return load_node(["--config", str(_file(tmp_path, text)), *argv], environ)


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "given.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def test_without_anything_the_documented_defaults_hold() -> None:
    main, node = load_main([], {}), load_node([], {})
    assert (main.server.host, main.server.port) == ("0.0.0.0", 4457)
    assert main.database.path == Path.home() / ".switchyard" / "main.db"
    assert main.main.local_node
    assert (node.server.port, node.terminal.scrollback_bytes, node.terminal.keep) == (4456, 1 << 20, "process")
    assert node.filesystem.roots == (Path.home(),)
    assert (node.providers.claude.approval_timeout_s, node.providers.claude.idle_timeout_s) == (86400, 900)
    assert not node.providers.scripted.enabled
    assert main.file is None
    assert main.warnings == node.warnings == ()


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    text = '[server]\nport = 1\nhost = "10.0.0.1"\nbase_path = "/a"\n'
    config = _main(tmp_path, text, "--server.port=3", SWITCHYARD_SERVER_PORT="2", SWITCHYARD_SERVER_HOST="10.0.0.2")
    assert (config.server.port, config.server.host, config.server.base_path) == (3, "10.0.0.2", "/a")
    assert config.file == tmp_path / "given.toml"


def test_the_file_beside_the_program_is_read_when_no_other_is_named(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "node.toml").write_text('[node]\nid = "found"\n')
    assert load_node([], {}).node.id == "found"


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("SWITCHYARD_SERVER_ALLOWED_HOSTS", '["a.example", "b.example"]', ("a.example", "b.example")),
        ("SWITCHYARD_SERVER_PORT", "0", 0),
        ("SWITCHYARD_SERVER_TRUSTED_PROXIES", '["10.0.0.0/8", "::1"]', ("10.0.0.0/8", "::1")),
        ("SWITCHYARD_SERVER_PUBLIC_URL", "https://yard.example", "https://yard.example"),
    ],
)
def test_the_environment_gives_scalars_as_text_and_lists_as_json(name: str, value: str, read: object) -> None:
    field = name.removeprefix("SWITCHYARD_SERVER_").lower()
    assert getattr(load_main([], {name: value}).server, field) == read


def test_the_environment_reaches_tables_and_names_that_the_user_chose() -> None:
    environ = {
        "SWITCHYARD_NODE_NAME": "the laptop",
        "SWITCHYARD_NODE_LABELS": '{"place": "desk"}',
        "SWITCHYARD_PROVIDERS_ACP_MY_AGENT_COMMAND": '["agent", "--acp"]',
        "SWITCHYARD_PROVIDERS_CLAUDE_ENV": '{"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}',
    }
    config = load_node([], environ)
    assert config.node.name == "the laptop"
    assert config.node.labels == {"place": "desk"}
    assert config.providers.acp["my-agent"].command == ("agent", "--acp")
    assert config.providers.claude.env == {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}


def test_an_empty_variable_counts_as_absent() -> None:
    assert load_main([], {"SWITCHYARD_SERVER_PORT": ""}).server.port == 4457


def test_variables_of_the_other_role_are_ignored_and_unknown_ones_are_warned_about() -> None:
    environ = {"SWITCHYARD_AUTH_JWT_SECRET": SECRET, "SWITCHYARD_NODE_LABLES": "{}"}
    (warning,) = load_node([], environ).warnings
    assert warning == (
        "the environment variable SWITCHYARD_NODE_LABLES is no setting and was ignored,"
        " did you mean SWITCHYARD_NODE_LABELS?"
    )


def test_relative_paths_count_from_the_folder_of_their_file(tmp_path: Path) -> None:
    config = _node(tmp_path, '[database]\npath = "data/node.db"\n[filesystem]\nroots = ["work", "/srv", "~/x"]\n')
    assert config.database.path == tmp_path / "data" / "node.db"
    assert config.filesystem.roots == (tmp_path / "work", Path("/srv"), Path.home() / "x")


def test_a_feature_of_a_node_that_is_none_is_refused_with_those_there_are(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text('[node]\ncapabilities = ["flies"]\n')
    with pytest.raises(ConfigError) as caught:
        _ = load_node(["--config", str(file)], {})
    said = "node.capabilities must be a list of files, git, projects, sessions, terminal, not"
    assert said in str(caught.value)


def test_a_text_without_quotes_gets_a_hint(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text("[node]\nmain_server_url = https://main.example\n")
    with pytest.raises(ConfigError) as caught:
        _ = load_node(["--config", str(file)], {})
    assert str(caught.value).endswith('(at line 2, column 19); texts stand in quotes, as in name = "here"')


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[server]\nprot = 1\n",
            "server.prot is no setting, did you mean server.port?; [server] has tls_cert, tls_key, host, port",
        ),
        (
            "[filesystem]\nroots = []\n",
            "filesystem.roots is a setting of the Node and belongs in its own file",
        ),
        ("[sever]\nport = 1\n", "sever.port is no setting, did you mean server.port?; the sections are server,"),
        ("server = 3\n", "server is no setting; the sections are server, database, auth, main, metrics, log"),
        ("[server]\nport = 70000\n", "server.port must be a whole number from 0 to 65535, not 70000"),
        ('[server]\nport = "1"\n', 'server.port must be a whole number from 0 to 65535, not "1"'),
        ("[server]\nport = true\n", "server.port must be a whole number from 0 to 65535, not true"),
        ('[main]\nlocal_node = "no"\n', 'main.local_node must be true or false, not "no"'),
        ('[log]\nlevel = "loud"\n', 'log.level must be one of debug, info, warning, error, not "loud"'),
        ('[server]\nbase_path = "a/"\n', "server.base_path must be a path such as /switchyard"),
        ('[server]\npublic_url = "https://a/b"\n', "server.public_url must be an origin: http(s)://name[:port], not"),
        ('[server]\nallowed_hosts = "a"\n', "server.allowed_hosts must be a list, each"),
        ('[main]\nnode_addresses = ["10.0.0.5"]\n', "main.node_addresses must be a list, each an address such as http"),
    ],
)
def test_a_bad_file_gets_one_sentence_that_names_file_key_and_what_is_allowed(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        _main(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'given.toml'}: {sentence}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[server]\nport 1\n", "(at line 2, column 6)"),
        ('[server]\nhost = "open', "(at line 2, column 13, the end)"),
        ("[server]\nport = 1\nport = 2\n", "(at line 3,"),
    ],
)
def test_a_syntax_error_names_line_and_column(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _main(tmp_path, text)
    assert "is not valid TOML: " in str(caught.value)
    assert place in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"), [("auth.jwt_secret", '"short-secret"'), ("main.node_register_tokens", '"short-secret"')]
)
def test_the_value_of_a_secret_is_never_repeated(tmp_path: Path, key: str, value: str) -> None:
    section, name = key.split(".")
    with pytest.raises(ConfigError) as caught:
        _main(tmp_path, f"[{section}]\n{name} = {value}\n")
    assert key in str(caught.value)
    assert "short-secret" not in str(caught.value)


def test_the_mistake_in_a_variable_or_a_flag_is_named_where_it_stands() -> None:
    with pytest.raises(ConfigError, match=r'^SWITCHYARD_SERVER_PORT must be a whole number .* not "x"$'):
        load_main([], {"SWITCHYARD_SERVER_PORT": "x"})
    with pytest.raises(ConfigError, match=r"^SWITCHYARD_SERVER_ALLOWED_HOSTS must be a list, .* written as JSON$"):
        load_main([], {"SWITCHYARD_SERVER_ALLOWED_HOSTS": "a,b"})
    with pytest.raises(ConfigError, match=r"^--server\.port must be a whole number"):
        load_main(["--server.port", "x"], {})
    with pytest.raises(ConfigError, match=r"^unrecognized arguments: --sever\.port"):
        load_main(["--sever.port=1"], {})


def test_secrets_have_no_flag() -> None:
    with pytest.raises(ConfigError, match="unrecognized arguments"):
        load_main([f"--auth.jwt_secret={SECRET}"], {})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.toml", tmp_path):
        with pytest.raises(ConfigError, match=rf"^{path} cannot be read: "):
            load_main(["--config", str(path)], {})
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(ConfigError, match=r"is not UTF-8 text \(byte 5\)"):
        load_main(["--config", str(tmp_path / "latin.toml")], {})
    (tmp_path / "huge.toml").write_bytes(b"#" * (2 << 20))
    with pytest.raises(ConfigError, match="no configuration file"):
        load_main(["--config", str(tmp_path / "huge.toml")], {})


def test_secrets_that_others_can_read_are_warned_about_and_not_refused(tmp_path: Path) -> None:
    path = _file(tmp_path, f'[auth]\njwt_secret = "{SECRET}"\n')
    assert load_main(["--config", str(path)], {}).warnings == ()
    path.chmod(0o644)
    config = load_main(["--config", str(path)], {})
    assert config.auth.jwt_secret == SECRET
    assert config.warnings == (
        f"{path} holds secrets (auth.jwt_secret) and other accounts can read it: chmod 600 {path}",
    )


def test_a_readable_file_without_secrets_is_no_reason_to_warn(tmp_path: Path) -> None:
    path = _file(tmp_path, "[server]\nport = 1\n")
    path.chmod(0o644)
    assert load_main(["--config", str(path)], {}).warnings == ()


def test_a_register_token_that_may_be_guessed_is_warned_about() -> None:
    (warning,) = load_node([], {"SWITCHYARD_NODE_REGISTER_TOKEN": "abc"}).warnings
    assert "may be guessed" in warning
    assert "abc" not in warning


def test_two_ways_to_main_are_warned_about_for_one_is_not_used() -> None:
    url = "http://10.0.0.5:4457"
    both = {"SWITCHYARD_NODE_MAIN_SERVER_URL": url, "SWITCHYARD_NODE_MAIN_REGISTER_URL": url}
    (warning,) = load_node([], both).warnings
    assert "the second is not used" in warning


def test_certificate_and_key_belong_together(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").touch()
    with pytest.raises(ConfigError, match="must be given together"):
        _main(tmp_path, '[server]\ntls_cert = "cert.pem"\n')
    with pytest.raises(ConfigError, match=rf"server\.tls_key must be a file .* not {tmp_path / 'key.pem'}"):
        _main(tmp_path, '[server]\ntls_cert = "cert.pem"\ntls_key = "key.pem"\n')


def test_proxies_are_addresses_or_networks(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"server\.trusted_proxies must be addresses or networks"):
        _main(tmp_path, '[server]\ntrusted_proxies = ["proxy.example"]\n')


@pytest.mark.parametrize(
    ("text", "mode", "host"),
    [
        ('main_server_url = "http://m:4457"', "direct", "127.0.0.1"),
        ('main_register_url = "http://m:4457"', "callback", "0.0.0.0"),
        ('main_server_url = "ws://m"\nmain_register_url = "http://m"', "direct", "127.0.0.1"),
        ("", "dialed", "0.0.0.0"),
    ],
)
def test_the_mode_of_the_link_decides_who_may_reach_the_nodes_port(
    tmp_path: Path, text: str, mode: str, host: str
) -> None:
    config = _node(tmp_path, f"[node]\n{text}\n")
    assert (config.link_mode, config.listen_host) == (mode, host)


@pytest.mark.parametrize("closed", ["[server]\nport = 0\n", "[policy]\noutbound_only = true\n"])
def test_a_node_that_opens_no_port_must_dial(tmp_path: Path, closed: str) -> None:
    with pytest.raises(ConfigError, match="this node can be reached by nobody"):
        _node(tmp_path, closed)
    assert not _node(tmp_path, closed + '[node]\nmain_server_url = "https://m"\n').opens_port


def test_an_agent_without_a_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"providers\.acp\.heron\.command is missing"):
        _node(tmp_path, "[providers.acp.heron]\nidle_timeout_s = 5\n")
    assert _node(tmp_path, "[providers.acp.goose]\nidle_timeout_s = 5\n").providers.acp["goose"].enabled
    assert not _node(tmp_path, "[providers.acp.heron]\nenabled = false\n").providers.acp["heron"].enabled
    with pytest.raises(ConfigError, match=r"\[providers.acp.NAME\] has enabled, command, env,"):
        _node(tmp_path, '[providers.acp."Not a name"]\ncommand = ["x"]\n')
    with pytest.raises(ConfigError, match=r"providers.acp.goose.comand is no setting"):
        _node(tmp_path, '[providers.acp.goose]\ncomand = ["x"]\n')


def test_an_agent_that_is_known_by_name_needs_nothing_but_its_table(tmp_path: Path) -> None:
    assert _node(tmp_path, "[providers.acp.gemini]\n").providers.acp["gemini"] == Provider()
    with pytest.raises(ConfigError, match=r"providers\.acp\.heron\.command is missing"):
        _node(tmp_path, "[providers.acp.heron]\n")
    with pytest.raises(ConfigError, match=r"\[providers.acp.NAME\] has enabled, command, env,"):
        _node(tmp_path, '[providers.acp."Not a name"]\n')


def test_the_identity_comes_from_the_hostname(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "my laptop.example")
    config = load_node([], {})
    assert (config.node.id, config.node.name) == ("my-laptop-example", "my laptop.example")


def test_the_local_node_gets_its_token_through_a_descriptor() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"one-time-token-from-main\n")
    os.close(writer)
    config = load_node([f"--token-fd={reader}"], {"SWITCHYARD_NODE_REGISTER_TOKEN": "another-token-from-a-file"})
    assert config.is_local
    assert config.node.register_token == "one-time-token-from-main"
    with pytest.raises(ConfigError, match="--token-fd 999 is no descriptor"):
        load_node(["--token-fd=999"], {})


def test_children_inherit_no_setting_and_the_local_node_only_its_own() -> None:
    environ = {
        "PATH": "/bin",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
        "SWITCHYARD_AUTH_JWT_SECRET": SECRET,
        "SWITCHYARD_MAIN_NODE_REGISTER_TOKENS": "[]",
        "SWITCHYARD_NODE_REGISTER_TOKEN": SECRET,
        "SWITCHYARD_SERVER_PORT": "1",
        "SWITCHYARD_DATABASE_PATH": "/main.db",
        "SWITCHYARD_FILESYSTEM_ROOTS": '["/"]',
        "SWITCHYARD_PROVIDERS_ACP_GOOSE_COMMAND": '["goose"]',
    }
    assert child_environment(environ) == {"PATH": "/bin", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
    assert set(local_node_environment(environ)) == {
        "PATH",
        "ANTHROPIC_BASE_URL",
        "SWITCHYARD_FILESYSTEM_ROOTS",
        "SWITCHYARD_PROVIDERS_ACP_GOOSE_COMMAND",
    }


def test_a_configuration_that_cannot_be_used_ends_the_program_with_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        or_exit(lambda: load_main(["--server.port=x"], {}))
    assert ended.value.code == 2
    assert capsys.readouterr().err == '--server.port must be a whole number from 0 to 65535, not "x"\n'


def test_missing_data_folders_are_made_for_their_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_data_folder(tmp_path / "a" / "b" / "main.db")
    assert [stat.S_IMODE(each.stat().st_mode) for each in (folder, folder.parent)] == [0o700, 0o700]
    monkeypatch.setenv("HOME", str(tmp_path))
    own = tmp_path / ".switchyard"
    own.mkdir(mode=0o755)
    assert make_data_folder(load_main([], {}).database.path) == own
    assert stat.S_IMODE(own.stat().st_mode) == 0o700


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=rf"database\.path: {tmp_path / 'file' / 'x'} cannot be made"):
        make_data_folder(tmp_path / "file" / "x" / "main.db")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), st.lists, max_leaves=4))
def test_whatever_stands_in_a_variable_is_taken_or_refused_with_a_sentence(value: object) -> None:
    for setting in (*MAIN_SETTINGS, *NODE_SETTINGS):
        load = load_main if setting in MAIN_SETTINGS else load_node
        try:
            load([], {setting.environment_name: json.dumps(value)})
        except ConfigError as error:
            assert "\n" not in str(error)  # noqa: PT017  either outcome is right
