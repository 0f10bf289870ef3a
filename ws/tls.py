"""Which certificates are trusted at the other end, and the sentence for each that does not do."""

import ssl
from enum import IntEnum
from pathlib import Path


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
