"""Register tokens: what a node shows at its first contact."""

import hmac
import secrets
from collections.abc import Sequence

from main.store.settings import Settings

KEPT_TOKEN = "register_token"  # noqa: S105  the name of the setting, not its value


class RegisterTokens:
    """The configured tokens, the one that Main keeps and shows under Machines, and the one of the local node."""

    def __init__(self, settings: Settings, configured: Sequence[str]) -> None:
        self._settings = settings
        self._configured = list(configured)
        self._kept = ""
        self._local: str | None = None

    async def load(self) -> None:
        """Read the kept token, making it at the first start."""
        self._kept = await self._settings.get_or_make(KEPT_TOKEN, secrets.token_urlsafe(24))

    @property
    def shown(self) -> str:
        """The token for people who add a machine."""
        return self._configured[0] if self._configured else self._kept

    @property
    def all(self) -> list[str]:
        """Every token that a node may have been given."""
        return [*self._configured, self._kept]

    def configure(self, configured: Sequence[str]) -> None:
        """Take other configured tokens from now on; nodes that have joined stay."""
        self._configured = list(configured)

    def make_local(self) -> str:
        """A token for one start of the local node; the one before is void."""
        self._local = secrets.token_urlsafe(32)
        return self._local

    def is_valid(self, token: str) -> bool:
        """Whether a node may introduce itself with `token`."""
        is_known = [_equal(token, each) for each in self.all]
        return any(is_known)

    def is_local(self, token: str) -> bool:
        """Whether `token` was handed to the local node at its latest start."""
        return self._local is not None and _equal(token, self._local)


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode())
