"""The set-up code: who reads Main's terminal may make the first account from another device."""

import hmac
import secrets

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without the letters and digits that are mistaken for each other."""

GROUPS, GROUP_CHARS = 3, 4
"""60 bits, and wrong ones are throttled."""


class SetupCode:
    """One code for the life of this process, until a user exists. Kept in memory only."""

    def __init__(self) -> None:
        groups = ["".join(secrets.choice(ALPHABET) for _ in range(GROUP_CHARS)) for _ in range(GROUPS)]
        self._code: str | None = "-".join(groups)

    @property
    def text(self) -> str | None:
        """What Main prints at its start; None once it is void."""
        return self._code

    def matches(self, given: str) -> bool:
        """Compares in constant time; case, spaces and dashes are forgiven."""
        return self._code is not None and hmac.compare_digest(_bare(self._code), _bare(given))

    def void(self) -> None:
        """A user exists."""
        self._code = None


def _bare(code: str) -> bytes:
    return "".join(char for char in code.upper() if char.isalnum()).encode("utf-8", "replace")
