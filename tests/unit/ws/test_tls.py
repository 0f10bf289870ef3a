"""Certificates that cannot be served get one sentence with the key to correct."""

import datetime as dt
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from config import ConfigError, load_main, load_node
from tests.support.certificates import DAY, issue
from ws.certificates import expiry, own_root, warnings
from ws.listening import ListenError, serving_context
from ws.tls import calling_context


def test_without_a_certificate_nothing_is_served_over_tls() -> None:
    assert serving_context(None, None) is None
    assert warnings(None) == []


def test_a_certificate_with_its_key_is_served(tmp_path: Path) -> None:
    issued = issue(tmp_path, by=issue(tmp_path, "ca", is_authority=True))
    assert serving_context(issued.certificate, issued.key) is not None


def test_what_cannot_be_served_is_named(tmp_path: Path) -> None:
    authority = issue(tmp_path, "ca", is_authority=True)
    server, other = issue(tmp_path, by=authority), issue(tmp_path, "other")
    turned = tmp_path / "turned.pem"
    turned.write_bytes(authority.certificate.read_bytes() + server.certificate.read_bytes())
    text = tmp_path / "text.pem"
    text.write_text("not a certificate")
    locked = tmp_path / "locked.pem"
    key = load_pem_private_key(server.key.read_bytes(), None)
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")))
    for certificate, private, said in (
        (server.certificate, other.key, "is not the key of the certificate"),
        (turned, server.key, "must come first"),
        (text, server.key, "no certificate in PEM form"),
        (server.certificate, text, "no private key in PEM form"),
        (server.certificate, locked, "passphrase"),
        (tmp_path / "none.pem", server.key, "cannot be read"),
        (server.certificate, tmp_path / "none.pem", "cannot be read"),
    ):
        with pytest.raises(ListenError, match=rf"^server\.tls_(cert|key).*{said}"):
            serving_context(certificate, private)


def test_an_end_that_is_near_or_past_is_warned_about(tmp_path: Path) -> None:
    for end, said in ((-DAY, "has expired on"), (5 * DAY, "expires on"), (100 * DAY, None)):
        certificate = issue(tmp_path, end=end).certificate
        told = warnings(certificate)
        assert len(told) == (said is not None)
        assert said is None or said in told[0]
        ends = expiry(certificate)
        assert ends is not None
        assert abs(ends - dt.datetime.now(dt.UTC) - end) < dt.timedelta(minutes=5)


def test_the_root_that_others_need_is_the_end_of_a_private_chain(tmp_path: Path) -> None:
    authority = issue(tmp_path, "ca", is_authority=True)
    root = authority.certificate.read_text()
    chain = issue(tmp_path, by=authority).certificate
    assert own_root(chain) == root
    chain.write_text(chain.read_text().replace(root, ""))
    assert own_root(chain) is None, "a public chain ends before its root"
    assert own_root(tmp_path / "none.pem") is None


def test_a_ca_is_believed_besides_the_systems_own(tmp_path: Path) -> None:
    context = calling_context(issue(tmp_path, "ca", is_authority=True).certificate)
    assert context is not None
    assert context.cert_store_stats()["x509_ca"] >= 1
    assert context.check_hostname
    assert calling_context() is None


def test_a_ca_that_is_none_is_refused_with_its_key(tmp_path: Path) -> None:
    text = tmp_path / "ca.pem"
    text.write_text("not a certificate")
    with pytest.raises(ConfigError, match=r"^main\.tls_ca must be a file with certificates"):
        load_main([f"--main.tls_ca={text}"], {})
    with pytest.raises(ConfigError, match=r"^node\.tls_ca must be a file that this account can read"):
        load_node([f"--node.tls_ca={tmp_path / 'none.pem'}"], {})
