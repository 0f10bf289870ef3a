"""The credential in an Authorization header (RFC 6750)."""


def bearer_of(authorization: str | None) -> str | None:
    """The token; None without the header, and for another scheme."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
