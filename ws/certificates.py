"""Certificates in files: when they end, who signed them, whether a key belongs to one.

Apart from `ws.tls`, because a process that serves no TLS need not load `cryptography` (8 MB).
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

SOON = timedelta(days=21)
"""A certificate that ends within this is warned about at every start."""


def warnings(certificate: Path | None) -> list[str]:
    """Sentences about a certificate that has ended or will soon. Blocking."""
    end = expiry(certificate)
    if end is None or end - datetime.now(UTC) > SOON:
        return []
    word = "expires" if end > datetime.now(UTC) else "has expired"
    renewal = "main_server.py tls init renews one that it made"
    return [f"the certificate {certificate} (server.tls_cert) {word} on {end:%Y-%m-%d}; {renewal}"]


def expiry(certificate: Path | None) -> datetime | None:
    """When a certificate ends, None without one that can be read. Blocking."""
    if certificate is None:
        return None
    try:
        return x509.load_pem_x509_certificates(certificate.read_bytes())[0].not_valid_after_utc
    except (OSError, ValueError):
        return None


def own_root(certificate: Path) -> str | None:
    """The root (PEM) that others must be given to believe a chain: its last certificate, if nobody else signed that.

    A chain of a public authority ends before its root, which every system has. Blocking.
    """
    try:
        last = x509.load_pem_x509_certificates(certificate.read_bytes())[-1]
    except (OSError, ValueError):
        return None
    return last.public_bytes(Encoding.PEM).decode("ascii") if last.issuer == last.subject else None


def check_pair(certificate: Path, key: Path) -> None:
    """Say of the files of `server.tls_cert` and `server.tls_key` what OpenSSL would only call PEM lib or a mismatch.

    Raises ValueError with one sentence: the key belongs to another certificate or has a passphrase, the chain begins
    with somebody else's certificate. Blocking.
    """
    try:
        chain = x509.load_pem_x509_certificates(certificate.read_bytes())
    except OSError as error:
        raise ValueError(f"server.tls_cert: {certificate} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise ValueError(f"server.tls_cert: {certificate} holds no certificate in PEM form.") from error
    try:
        own = load_pem_private_key(key.read_bytes(), None).public_key()
    except OSError as error:
        raise ValueError(f"server.tls_key: {key} cannot be read ({error.strerror}).") from error
    except TypeError as error:
        detail = f"server.tls_key: {key} has a passphrase, which nobody could type here: give a key without one."
        raise ValueError(detail) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"server.tls_key: {key} holds no private key in PEM form.") from error
    wanted = own.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    matching = [_public(each) == wanted for each in chain]
    if not any(matching):
        raise ValueError(f"server.tls_key: {key} is not the key of the certificate {certificate} (server.tls_cert).")
    if not matching[0]:
        raise ValueError(
            f"server.tls_cert: in {certificate} the server's own certificate must come first, then who signed it."
        )


def _public(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
