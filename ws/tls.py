"""Certificates: what a role serves, which it trusts at the other end, and the sentence for each that does not do."""

import ssl
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

SOON = timedelta(days=21)
"""A certificate that ends within this is warned about at every start."""


class _Verify(IntEnum):
    """X509_V_ERR_* of OpenSSL's x509_vfy.h, as `ssl.SSLCertVerificationError.verify_code` gives them."""

    NOT_YET_VALID = 9
    EXPIRED = 10
    OUTSIDE_OF_CA = 47
    OTHER_NAME = 62
    OTHER_ADDRESS = 64


def calling_context(ca: Path | None = None, *, is_own_machine: bool = False) -> ssl.SSLContext | None:
    """How certificates of the other end of a link are checked; None: as the system does. Blocking.

    `ca` is believed besides the system's own. `is_own_machine` is for the node that Main itself started: it calls a
    loopback address, for which no certificate is made, and nobody is in between. Raises OSError or ssl.SSLError when
    `ca` is no file of certificates.
    """
    if is_own_machine:
        trusting = ssl.create_default_context()
        trusting.check_hostname = False
        trusting.verify_mode = ssl.CERT_NONE
        return trusting
    if ca is None:
        return None
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=ca)
    return context


def distrust(host: str, error: ssl.SSLCertVerificationError) -> str:
    """Why the certificate of `host` is not believed here, and what to do: one sentence."""
    match error.verify_code:
        case _Verify.EXPIRED:
            return f"The certificate of {host} has expired: renew it there (main_server.py tls init renews its own)."
        case _Verify.NOT_YET_VALID:
            return f"The certificate of {host} is not valid yet: check the clocks of both machines."
        case _Verify.OTHER_NAME | _Verify.OTHER_ADDRESS:
            return (
                f"The certificate of {host} was made for other names ({error.verify_message}): call it by one of those,"
                f" or add this one there (main_server.py tls init --host {host.rpartition(':')[0] or host})."
            )
        case _Verify.OUTSIDE_OF_CA:
            return f"The CA behind the certificate of {host} may not vouch for that name: make a new one there."
        case _:
            return (
                f"The certificate of {host} comes from nobody whom this machine trusts ({error.verify_message}): set"
                " tls_ca, in [node] or on Main in [main], to the file of its CA, such as ca.pem of tls init."
            )


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
