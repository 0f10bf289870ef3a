"""`main_server.py tls init`, run as its user runs it."""

import ipaddress
import socket
import ssl
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from configs.certificates import Authority, Files, make_authority, make_server, read_authority
from configs.names import own_names, read_name
from configs.table import ConfigError
from tests.support.certificates import issue
from tests.support.processes import ROOT


def init(home: Path, *arguments: str, code: int = 0) -> str:
    """What the command prints."""
    ended = subprocess.run(
        [sys.executable, ROOT / "main_server.py", "tls", "init", f"--config={home / 'main.toml'}", *arguments],
        env={"HOME": str(home), "LANG": "C.UTF-8"},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stdout if code == 0 else ended.stderr


def files(home: Path) -> Files:
    return Files(home / ".switchyard" / "tls")


def names_in(home: Path) -> set[str]:
    certificate = x509.load_pem_x509_certificates(files(home).certificate.read_bytes())[0]
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(each.value) for each in found}


def test_it_makes_what_main_needs_and_says_how_to_trust_it(tmp_path: Path) -> None:
    said = init(tmp_path, "--host", "yard.example", "--host", "203.0.113.7", "--host", "[fd00::7]")
    made = files(tmp_path)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (made.folder.parent, made.folder, *made.all)}
    assert modes[".switchyard"] == modes["tls"] == 0o700
    assert modes["ca-key.pem"] == modes["server-key.pem"] == 0o600
    assert names_in(tmp_path) >= {"localhost", "127.0.0.1", "::1", "yard.example", "203.0.113.7", "fd00::7"}
    config = (tmp_path / "main.toml").read_text()
    assert config == f'[server]\ntls_cert = "{made.certificate}"\ntls_key = "{made.key}"\n'
    for word in ("Linux", "macOS", "Windows", "iOS", "Android", "Nodes", "--ca", str(made.ca)):
        assert word in said
    assert "PRIVATE" not in said


def test_strict_readers_believe_the_certificate(tmp_path: Path) -> None:
    init(tmp_path, "--host", "yard.example")
    made = files(tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(made.certificate, made.key)
    leaf, root = x509.load_pem_x509_certificates(made.certificate.read_bytes())
    store = Store([x509.load_pem_x509_certificate(made.ca.read_bytes())])
    for name in ("yard.example", "localhost"):
        PolicyBuilder().store(store).build_server_verifier(x509.DNSName(name)).verify(leaf, [])
    assert root == x509.load_pem_x509_certificate(made.ca.read_bytes())
    assert leaf.not_valid_after_utc - datetime.now(UTC) <= timedelta(days=397)
    assert root.not_valid_after_utc - datetime.now(UTC) > timedelta(days=3600)


def test_again_renews_the_certificate_and_keeps_the_ca_and_the_comments(tmp_path: Path) -> None:
    (tmp_path / "main.toml").write_text("# mine\n[log]\nlevel = 'debug' # loud\n")
    init(tmp_path)
    made = files(tmp_path)
    ca, certificate, key = made.ca.read_bytes(), made.certificate.read_bytes(), made.key.read_bytes()
    config = (tmp_path / "main.toml").read_text()
    assert config.startswith("# mine\n[log]\nlevel = 'debug' # loud\n")
    assert "Kept the CA" in init(tmp_path)
    assert made.ca.read_bytes() == ca
    assert made.certificate.read_bytes() != certificate
    assert made.key.read_bytes() != key
    assert (tmp_path / "main.toml").read_text() == config


def test_every_address_by_which_the_machine_is_called_is_in_it(tmp_path: Path) -> None:
    said = init(tmp_path)
    assert names_in(tmp_path) >= set(own_names())
    assert "Left out" not in said


def test_what_it_did_not_make_needs_force(tmp_path: Path) -> None:
    foreign = issue(files(tmp_path).folder, "server")
    before = foreign.certificate.read_bytes()
    assert "--force" in init(tmp_path, code=2)
    assert foreign.certificate.read_bytes() == before
    assert not (tmp_path / "main.toml").exists()
    init(tmp_path, "--force")
    assert foreign.certificate.read_bytes() != before

    elsewhere = '[server]\ntls_cert = "/etc/mine.pem"\ntls_key = "/etc/key.pem"\n'
    (tmp_path / "main.toml").write_text(elsewhere)
    assert "server.tls_cert): --force" in init(tmp_path, code=2)
    assert (tmp_path / "main.toml").read_text() == elsewhere
    init(tmp_path, "--force")
    assert "/etc/" not in (tmp_path / "main.toml").read_text()


def test_a_name_that_the_ca_does_not_cover_needs_a_new_ca(tmp_path: Path) -> None:
    init(tmp_path)
    ca = files(tmp_path).ca.read_bytes()
    init(tmp_path, "--host", "printer.lan")
    assert "printer.lan" in names_in(tmp_path), "private names are covered"
    assert "without yard.example" in init(tmp_path, "--host", "yard.example", code=2)
    assert files(tmp_path).ca.read_bytes() == ca
    init(tmp_path, "--host", "yard.example", "--force")
    assert files(tmp_path).ca.read_bytes() != ca


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--host", "a b"), "--host 'a b' must be a name or an address"),
        (("--host", "http://main"), "must be a name or an address"),
        (("--host", ""), "must be a name or an address"),
        (("--hots", "a"), "--help shows all flags"),
        (("again",), "--help shows all flags"),
    ],
)
def test_bad_input_gets_one_sentence(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    lines = init(tmp_path, *arguments, code=2).splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / ".switchyard").write_text("in the way")
    lines = init(tmp_path, code=2).splitlines()
    assert len(lines) == 1
    assert ".switchyard/tls" in lines[0]
    assert not (tmp_path / "main.toml").exists()


def test_a_thief_of_the_ca_cannot_speak_for_public_names() -> None:
    authority = make_authority(own_names())
    stolen = Authority(authority.certificate, authority.key)
    for name in ("bank.example", "8.8.8.8"):
        assert not stolen.covers(name)
        forged, _ = make_server(stolen, [name])
        is_name = name.endswith("example")
        subject = x509.DNSName(name) if is_name else x509.IPAddress(ipaddress.ip_address(name))
        with pytest.raises(VerificationError):
            PolicyBuilder().store(Store([authority.certificate])).build_server_verifier(subject).verify(forged, [])


def test_names_are_written_as_certificates_have_them() -> None:
    assert read_name("Bücher.Example.") == "xn--bcher-kva.example"
    assert read_name("*.yard.example") == "*.yard.example"
    assert read_name("[::1]") == "::1"
    for bad in ("", ".", "a..b", "a/b", "a:80", "x" * 70, "a\nb"):
        with pytest.raises(ConfigError):
            read_name(bad)


def test_a_ca_without_its_key_is_none(tmp_path: Path) -> None:
    init(tmp_path)
    assert read_authority(files(tmp_path)) is not None
    files(tmp_path).ca_key.write_bytes(files(tmp_path).key.read_bytes())
    assert read_authority(files(tmp_path)) is None


def test_every_interface_counts_also_one_without_a_route_to_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    address = SimpleNamespace(family=socket.AF_INET, address="10.77.0.1")
    zoned = SimpleNamespace(family=socket.AF_INET6, address="fe80::1%wg0")
    hardware = SimpleNamespace(family=psutil.AF_LINK, address="02:00:00:00:00:01")
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: {"wg0": [address, zoned, hardware]})
    found = own_names()
    assert "10.77.0.1" in found
    assert not [name for name in found if name.startswith("fe80") or name == hardware.address]
