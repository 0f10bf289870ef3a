"""A certificate authority of one's own: kept over renewals, and worth little to a thief.

It signs server certificates alone, and only for names that no public authority signs for either (private addresses,
`.local` and its like) and the names that were given at its making.
"""

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from configs.editing import PRIVATE_FILE, PRIVATE_FOLDER, replace_file
from configs.names import PRIVATE_NAMES, PRIVATE_NETWORKS, as_address

CA_LIFE = timedelta(days=3652)
SERVER_LIFE = timedelta(days=397)
"""Below the 398 days that Apple's systems ask of public authorities (HT211025); of private ones they take 825."""

EARLIER = timedelta(hours=1)
"""Certificates begin in the past: the clocks of other machines may be behind."""


@dataclass(frozen=True)
class Files:
    """Below one folder (0700); the keys are 0600."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def ca_key(self) -> Path:
        return self.folder / "ca-key.pem"

    @property
    def certificate(self) -> Path:
        return self.folder / "server.pem"

    @property
    def key(self) -> Path:
        return self.folder / "server-key.pem"

    @property
    def all(self) -> tuple[Path, ...]:
        return (self.ca, self.ca_key, self.certificate, self.key)


@dataclass(frozen=True)
class Authority:
    """`covers` says for which names it may sign."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def covers(self, name: str) -> bool:
        constraints = self.certificate.extensions.get_extension_for_class(x509.NameConstraints).value
        permitted = [each.value for each in constraints.permitted_subtrees or ()]
        address = as_address(name)
        if address is not None:
            networks = (ipaddress.IPv4Network, ipaddress.IPv6Network)
            return any(isinstance(each, networks) and address in each for each in permitted)
        return any(isinstance(each, str) and (name == each or name.endswith(f".{each}")) for each in permitted)


def make_authority(names: Iterable[str]) -> Authority:
    """A fresh CA that covers what is private, and `names`."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    host = socket.gethostname()[:40]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Switchyard on {host}, {now:%Y-%m-%d}")])
    made = (
        _builder(subject, subject, key.public_key(), now, CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(is_authority=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.NameConstraints(_permitted(names), None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(made, key)


def make_server(authority: Authority, names: Sequence[str]) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate for `names`, with a key of its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Switchyard")])
    identifier = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    end = min(SERVER_LIFE, authority.certificate.not_valid_after_utc - datetime.now(UTC))
    made = (
        _builder(subject, authority.certificate.subject, key.public_key(), datetime.now(UTC), end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return made, key


def read_authority(files: Files) -> Authority | None:
    """The CA in the folder; None unless certificate and key are there, belong together and are of our making."""
    try:
        certificate = x509.load_pem_x509_certificate(files.ca.read_bytes())
        key = load_pem_private_key(files.ca_key.read_bytes(), None)
        _ = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    except (FileNotFoundError, TypeError, ValueError, x509.ExtensionNotFound):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    return Authority(certificate, key)


def is_issued(files: Files, authority: Authority) -> bool:
    """Whether the certificate in the folder, if there is one, is the CA's."""
    if not files.certificate.exists():
        return not files.key.exists()
    try:
        first = x509.load_pem_x509_certificates(files.certificate.read_bytes())[0]
        first.verify_directly_issued_by(authority.certificate)
    except Exception:  # noqa: BLE001  whatever it is, it is not ours (the library raises InvalidSignature and others)
        return False
    return True


def write_authority(files: Files, authority: Authority) -> None:
    """The key first: a certificate without its key would be taken for somebody else's."""
    for folder in (files.folder.parent, files.folder):
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        folder.chmod(PRIVATE_FOLDER)
    replace_file(files.ca_key, _key_text(authority.key), PRIVATE_FILE)
    replace_file(files.ca, authority.certificate.public_bytes(Encoding.PEM), 0o644)


def write_server(files: Files, authority: Authority, made: tuple[x509.Certificate, PrivateKeyTypes]) -> None:
    """The certificate with its CA behind it, so that Main can tell nodes whom to believe."""
    certificate, key = made
    chain = certificate.public_bytes(Encoding.PEM) + authority.certificate.public_bytes(Encoding.PEM)
    replace_file(files.key, _key_text(key), PRIVATE_FILE)
    replace_file(files.certificate, chain, 0o644)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 as systems show it."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + life - EARLIER)
    )


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _permitted(names: Iterable[str]) -> list[x509.GeneralName]:
    networks = [ipaddress.ip_network(each) for each in PRIVATE_NETWORKS]
    domains = list(PRIVATE_NAMES)
    for name in names:
        address = as_address(name)
        if address is None:
            domains.append(name.removeprefix("*."))
        elif not any(address in network for network in networks):
            networks.append(ipaddress.ip_network(address))
    return [*map(x509.DNSName, dict.fromkeys(domains)), *map(x509.IPAddress, networks)]


def _general(name: str) -> x509.GeneralName:
    address = as_address(name)
    return x509.DNSName(name) if address is None else x509.IPAddress(address)


def _key_text(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
