"""Certificates that only a test believes."""

import datetime as dt
import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """Certificate (a chain when an authority signed it) and key as files."""

    certificate: Path
    key: Path


def issue(
    folder: Path,
    name: str = "server",
    *,
    names: Sequence[str] = ("127.0.0.1",),
    end: dt.timedelta = DAY,
    by: Issued | None = None,
    is_authority: bool = False,
) -> Issued:
    """A certificate in `folder`: signed by itself, or `by` an authority. `end` counts from now, backwards too."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"switchyard test {name}")])
    issuer, signing, chain = subject, key, b""
    if by is not None:
        chain = by.certificate.read_bytes()
        issuer = x509.load_pem_x509_certificate(chain).subject
        loaded = serialization.load_pem_private_key(by.key.read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        signing = loaded
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 30 * DAY)
        .not_valid_after(now + end)
        .add_extension(x509.SubjectAlternativeName([_general(each) for each in names]), critical=False)
    )
    if is_authority:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    made = builder.sign(signing, hashes.SHA256())
    issued = Issued(folder / f"{name}.pem", folder / f"{name}-key.pem")
    issued.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM) + chain)
    issued.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return issued


def tls_contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context for 127.0.0.1 and that of a client which believes it; `folder` keeps the files."""
    issued = issue(folder, "certificate")
    issued.key.rename(folder / "key.pem")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(issued.certificate, folder / "key.pem")
    client = ssl.create_default_context(cafile=str(issued.certificate))
    return server, client


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
